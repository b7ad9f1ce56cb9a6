"""`training-pipeline jobs estimates`: how good estimates of training time have been."""

from __future__ import annotations

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client


def estimates(json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show the accuracy of estimates of training time, by kind of job and job by job."""
    from training_pipeline.cli.render.estimates import estimates_of

    with open_client(url, token) as client:
        found = client.estimates()
    print_json(found) if json else say(estimates_of(found))
