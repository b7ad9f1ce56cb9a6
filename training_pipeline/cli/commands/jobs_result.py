"""`training-pipeline jobs result`: what a training came to, pair by pair."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import JobId, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.cli.render import result as render
from training_pipeline.schemas.result import MOST_LOSSES


def result(
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LOSSES, help="Maximum number of pairs with a high loss.")] = 10,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show answers before and after a training, and the validation pairs with the highest loss."""
    with open_client(url, token) as client:
        found = client.result(job_id, limit=limit)
    print_json(found) if json else say(render.result(found))
