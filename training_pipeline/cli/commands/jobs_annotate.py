"""`training-pipeline jobs annotate`: the note and the tags of a job."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import JobId, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.cli.render import notes


def annotate(
    job_id: JobId,
    note: Annotated[str | None, typer.Option(help='The note, as plain text; "" removes it.')] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A tag to add, as a key or key:value; may be repeated.", metavar="TAG"),
    ] = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option(help="A tag to remove; may be repeated.", metavar="TAG")
    ] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Write a note on a training job, or tag it. Its events keep what was there before, and who changed it."""
    if note is None and not tag and not remove_tag:
        raise typer.BadParameter("Give --note, --tag or --remove-tag.", param_hint="--note")
    with open_client(url, token) as client:
        job = client.annotate(job_id, note=note, add_tags=tag, remove_tags=remove_tag)
    print_json(job) if json else say(notes.written(job))
