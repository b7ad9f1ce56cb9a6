"""`training-pipeline revoke` and `training-pipeline revocations`: what may no longer be trained on."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.domain.revocations import revoked
from training_pipeline.domain.uses import Kind


def revoke(
    reason: Annotated[str, typer.Option(help="Why; kept for ever, so without any text of the pair.")],
    pair: Annotated[str | None, typer.Option(help="Id of a pair; --sheet is required with it.")] = None,
    item: Annotated[str | None, typer.Option(help="An item of the source sheet.")] = None,
    label: Annotated[str | None, typer.Option(help="A canonical label.")] = None,
    row_hash: Annotated[str | None, typer.Option(help="SHA-256 of an example, as in a manifest.")] = None,
    sheet: Annotated[
        str | None,
        typer.Option(help="The training sheet, for an item or a label also the source sheet. Default: every one."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a pair, an item, a label or an example: every model that learned from it is tainted.

    What it will taint is shown first. Once it is confirmed, it cannot be taken back.
    """
    from training_pipeline.cli.render.revocations import preview_of, revocation_of

    keys: dict[Kind, str | None] = {"pair": pair, "item": item, "label": label, "row_hash": row_hash, "sheet": sheet}
    revoked(keys, reason=reason)  # what is wrong is said before anything is opened
    body: dict[str, Any] = {**{kind: value for kind, value in keys.items() if value is not None}, "reason": reason}
    with open_client(url, token) as client:
        if not yes:
            say(preview_of(client.preview_revocation(body)))
            typer.confirm("Revoke it? This cannot be taken back.", abort=True, err=json)
        made = client.revoke(body)
    print_json(made) if json else say(revocation_of(made))


def revocations(
    revocation_id: Annotated[str | None, typer.Argument(help="Show this one.", metavar="[ID]")] = None,
    job: Annotated[str | None, typer.Option(help="Only those that taint the model of this training job.")] = None,
    page_size: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of revocations.")] = 50,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List revocations, newest first, or show one with every model that it taints."""
    from training_pipeline.cli.render.revocations import page_of, revocation_of

    with open_client(url, token) as client:
        if revocation_id is not None:
            found = client.revocation(revocation_id)
            print_json(found) if json else say(revocation_of(found))
            return
        page = client.revocations(job_id=job, page_size=page_size, cursor=cursor)
    print_json(page) if json else say(page_of(page))
