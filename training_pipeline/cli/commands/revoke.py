"""`training-pipeline revoke` and `training-pipeline revocations`: what may no longer be trained on."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.revocations import revoked
from training_pipeline.domain.uses import Kind, RowKind

if TYPE_CHECKING:
    from training_pipeline.schemas.revocation import RevocationPreview


def revoke(
    reason: Annotated[str, typer.Option(help="Reason, kept permanently: leave out any text of the pair.")],
    pair: Annotated[str | None, typer.Option(help="Id of a pair; --sheet is required with it.")] = None,
    item: Annotated[str | None, typer.Option(help="An item of the source sheet.")] = None,
    label: Annotated[str | None, typer.Option(help="A canonical label.")] = None,
    row_hash: Annotated[str | None, typer.Option(help="SHA-256 of an example, as in a manifest.")] = None,
    question_hash: Annotated[str | None, typer.Option(help="Hash of a question, as in a manifest.")] = None,
    text_file: Annotated[
        Path | None,
        typer.Option(help="A file with a question, or examples in JSONL; it is hashed here and never sent."),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            help=(
                "Training sheet, or for an item or a label also a source sheet. Default: every one. Without "
                "another option: that training sheet or source sheet as a whole."
            )
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a pair, an item, a label, an example, a question or a sheet: every model that learned from it is tainted.

    What it will taint is shown first. Once it is confirmed, it cannot be taken back.
    """
    from training_pipeline.cli.render.revocations import preview_of, revocation_of

    stated: dict[Kind, str | None] = {
        "pair": pair,
        "item": item,
        "label": label,
        "row_hash": row_hash,
        "question_hash": question_hash,
    }
    if text_file is not None and any(value is not None for value in stated.values()):
        raise typer.BadParameter("Give a file or a key, not both.", param_hint="--text-file")
    each = [(stated, False)] if text_file is None else _texts(text_file)
    bodies: list[tuple[dict[str, Any], bool]] = []
    for named, of_old in each:
        keys: dict[Kind, str | None] = {**named, "sheet": sheet}
        revoked(keys, reason=reason)  # what is wrong is said before anything is opened
        given = {str(kind): value for kind, value in keys.items() if value is not None}
        bodies.append(({**given, "reason": reason}, of_old))
    with open_client(url, token) as client:
        asked = [body for body, of_old in bodies if not of_old or _is_used(client.preview_revocation(body))]
        if not yes:
            for body in asked:
                say(preview_of(client.preview_revocation(body)))
            them = "it" if len(asked) == 1 else f"these {len(asked):,}"
            typer.confirm(f"Revoke {them}? This cannot be undone.", abort=True, err=json)
        made = [client.revoke(body) for body in asked]
    if json and text_file is not None:
        typer.echo(jsonlib.dumps({"revocations": [one.model_dump(mode="json") for one in made]}, indent=2))
        return
    for one in made:
        print_json(one) if json else say(revocation_of(one))


def _texts(file: Path) -> list[tuple[dict[Kind, str | None], bool]]:
    """What the texts of a file are revoked by: an example by its hash, a question by its own. And whether that is how
    it may have been hashed before, which is worth a word only where something has it.
    """
    from training_pipeline.datasets.text_hashes import text_hashes, texts_of

    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}.") from None
    found: dict[tuple[RowKind, str], bool] = {}
    for text in texts_of(content):
        hashes = text_hashes(text)
        said: list[tuple[RowKind, str, bool]]
        if hashes.row_hashes:
            *before, now = hashes.row_hashes
            said = [("row_hash", now, False), *(("row_hash", one, True) for one in before)]
        else:
            *each, earlier = hashes.question_hashes
            said = [*(("question_hash", one, False) for one in each), ("question_hash", earlier, True)]
        for kind, value, of_old in said:
            found[kind, value] = found.get((kind, value), True) and of_old
    return [({kind: value}, of_old) for (kind, value), of_old in found.items()]


def _is_used(found: RevocationPreview) -> bool:
    return bool(found.taints or found.jobs_in_progress)


def revocations(
    revocation_id: Annotated[str | None, typer.Argument(help="Id of a revocation to show.", metavar="[ID]")] = None,
    job: Annotated[str | None, typer.Option(help="Only revocations that taint the model of this training job.")] = None,
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
