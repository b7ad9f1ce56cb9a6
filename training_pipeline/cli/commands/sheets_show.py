"""`training-pipeline sheets show`, `preview` and `lifting`: what may be trained on, less what was revoked, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client

SheetId = Annotated[str, typer.Argument(help="The training sheet's id.", metavar="ID")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of training sheets."""
    app.command()(show)
    app.command()(preview)
    app.command()(lifting)


def show(sheet_id: SheetId, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show a training sheet: its sources, how many pairs may be trained on, and why others may not."""
    from training_pipeline.cli.render.sheet import sheet_details

    with open_client(url, token) as client:
        found = client.training_sheet(sheet_id)
    print_json(found) if json else say(sheet_details(found))


def preview(
    sheet_id: SheetId,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of lines.")] = 5,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print the training data as JSONL: only pairs that pass both gates and were not revoked."""
    with open_client(url, token) as client:
        found = client.preview(sheet_id, limit=limit)
    if not found.trainable:
        typer.echo("This sheet cannot be trained on until it is approved.", err=True)
    for line in found.lines:
        typer.echo(line)


def lifting(sheet_id: SheetId, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Count how many more pairs could be trained on without each restriction: reason, use, tag, label or steward."""
    from training_pipeline.cli.render.sheet import what_lifting_adds

    with open_client(url, token) as client:
        found = client.what_lifting_adds(sheet_id)
    print_json(found) if json else say(what_lifting_adds(found))
