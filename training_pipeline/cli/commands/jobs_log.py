"""`training-pipeline jobs log`: what the trainer of a job has printed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final

import typer

from training_pipeline.cli.commands.options import JobId, Json, Token, Url, print_json
from training_pipeline.cli.open_client import open_client
from training_pipeline.client.base import Client

#: A log that is followed is read this often.
SECONDS: Final = 1.0


def log(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", help="Follow the log until the job has ended.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print what the trainer of a job has printed; it holds no text of pairs. With --json: the end of it, once."""
    if follow and json:
        raise typer.BadParameter("Use either --follow or --json, not both.", param_hint="--follow")
    with open_client(url, token) as client:
        if json:
            print_json(client.log(job_id))
            return
        print_log(client, job_id, follow=follow)


def print_log(client: Client, job_id: str, *, follow: bool, sleep: Callable[[float], None] = time.sleep) -> None:
    """Print the log from its beginning to its end, or with `follow` to the end of the job."""
    offset = 0
    while True:
        part = client.log(job_id, offset=offset)
        typer.echo(part.text, nl=False)
        if part.unavailable:
            typer.echo(part.unavailable, err=True)
            return
        at_end, offset = part.next_offset == offset, part.next_offset
        if at_end and (part.over or not follow):
            if offset == 0:
                typer.echo("Nothing was printed." if part.over else "Nothing was printed yet.", err=True)
            return
        if at_end:
            sleep(SECONDS)
