"""`training-pipeline sheets edit`, `edits`, `undo` and `take-over`: pairs are reviewed, the log tells who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.client.base import Client
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.usage import DataClassification, Status, Use

SheetId = Annotated[str, typer.Argument(help="The training sheet's id.", metavar="ID")]
Digest = Annotated[
    str | None,
    typer.Option(
        help="The version that you reviewed: its SHA-256 (hex), as in `sheets show`. Default: the current one."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of training sheets."""
    app.command()(edit)
    app.command()(edits)
    app.command()(undo)
    app.command("take-over")(take_over)


def edit(
    sheet_id: SheetId,
    pairs: Annotated[list[str], typer.Argument(help="Ids of the pairs.", metavar="PAIR...")],
    status: Annotated[Status | None, typer.Option(help="Approve (labeled), reject or flag them.")] = None,
    answer: Annotated[str | None, typer.Option(help="A new text for the last answer; for one pair.")] = None,
    allow: Annotated[
        list[Use] | None, typer.Option(help="A use to allow; repeatable. Replaces the allowed uses.")
    ] = None,
    prohibit: Annotated[
        list[Use] | None, typer.Option(help="A use to prohibit; repeatable. Replaces the prohibited uses.")
    ] = None,
    allow_none: Annotated[bool, typer.Option("--allow-none", help="Allow no use.")] = False,
    prohibit_none: Annotated[bool, typer.Option("--prohibit-none", help="Prohibit no use.")] = False,
    reason: Annotated[str | None, typer.Option(help="Reason for these uses.")] = None,
    classification: Annotated[DataClassification | None, typer.Option(help="Data classification.")] = None,
    digest: Digest = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Edit pairs of an imported training sheet: all of them, or none. Restrictions of labels and tags still apply."""
    from training_pipeline.cli.render.sheet_edits import edit_of

    asked = {
        "status": status,
        "answer": answer,
        "allowed_uses": [] if allow_none else allow or None,
        "prohibited_uses": [] if prohibit_none else prohibit or None,
        "usage_reason": reason,
        "data_classification": classification,
    }
    with open_client(url, token) as client:
        body = {"digest": digest or _now(client, sheet_id), "pair_ids": pairs}
        made = client.edit_pairs(sheet_id, {**body, **{name: it for name, it in asked.items() if it is not None}})
    print_json(made) if json else say(edit_of(made))


def edits(
    sheet_id: SheetId,
    pair: Annotated[str | None, typer.Option(help="Only edits of this pair.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of edits.")] = 50,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List who changed which pairs of a training sheet, when and how, newest first. Never shows their text."""
    from training_pipeline.cli.render.sheet_edits import edits_of

    with open_client(url, token) as client:
        found = client.sheet_edits(sheet_id, pair_id=pair, page_size=limit)
    print_json(found) if json else say(edits_of(found))


def undo(
    sheet_id: SheetId,
    number: Annotated[int, typer.Argument(min=1, help="Number of the edit.")],
    digest: Digest = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Undo an edit whose pairs were not changed since."""
    from training_pipeline.cli.render.sheet_edits import edit_of

    with open_client(url, token) as client:
        made = client.undo_edit(sheet_id, number, {"digest": digest or _now(client, sheet_id)})
    print_json(made) if json else say(edit_of(made))


def take_over(
    sheet_id: SheetId, digest: Digest = None, json: Json = False, url: Url = None, token: Token = None
) -> None:
    """Take over a sheet whose file others maintain, to review its pairs here. The old version is kept."""
    with open_client(url, token) as client:
        body = {"digest": digest or client.training_sheet(sheet_id).digest}
        taken = client.take_over_sheet(sheet_id, body)
    print_json(taken) if json else say(f"Training sheet {sheet_id} is reviewed here now, as version {taken.digest}.")


def _now(client: Client, sheet_id: str) -> str:
    """The version of the sheet as it is; raises `Conflict` for one that cannot be edited here."""
    found = client.sheet_edits(sheet_id, page_size=1)
    if found.digest is None:
        raise Conflict(found.not_editable_because or "This training sheet cannot be edited here.")
    return found.digest
