"""`training-pipeline sheets versions` and `diff`: what a sheet was before, and what changed. No database is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer
from pydantic import BaseModel

from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.client.config import remote_service
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.settings import Settings

if TYPE_CHECKING:
    from training_pipeline.client.base import Client
    from training_pipeline.client.sheets.versions import SheetVersions

A = TypeVar("A", bound=BaseModel)

#: The most that the REST API gives at once.
MOST_PAIRS: Final = 10_000


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of training sheets."""
    app.command("versions")(list_versions)
    app.command()(diff)


def list_versions(
    sheet_id: Annotated[str, typer.Argument(help="The training sheet's id.", metavar="ID")],
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the versions of a sheet that were kept when it was replaced or edited, the newest first."""
    from training_pipeline.cli.render.sheet_versions import sheet_versions

    found = _asked(
        url,
        token,
        here=lambda kept: kept.list(sheet_id),
        there=lambda client: client.sheet_versions(sheet_id),
    )
    print_json(found) if json else say(sheet_versions(found))


def diff(
    old: Annotated[str, typer.Argument(help="A sheet's id, or a version of it, as sums@0123456789ab.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="The sheet or version to compare it with.", metavar="NEW")],
    change: Annotated[
        list[SheetChange] | None, typer.Option(help="List only pairs that changed in this way; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_PAIRS, help="Maximum number of pairs to list.")] = 50,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what changed from one sheet, or version of it, to another: which pairs, and how. Never shows their text."""
    from training_pipeline.cli.render.sheet_versions import sheet_diff

    changes = change or ()
    found = _asked(
        url,
        token,
        here=lambda kept: kept.diff(old, new, changes=changes, page_size=limit, cursor=cursor),
        there=lambda client: client.sheet_diff(old, new, changes=changes, page_size=limit, cursor=cursor),
    )
    print_json(found) if json else say(sheet_diff(found, first_page=cursor is None))


def _asked(
    url: str | None, token: str | None, *, here: Callable[[SheetVersions], A], there: Callable[[Client], A]
) -> A:
    """The answer of the service that is named, else of this installation's files or tables."""
    if remote_service(url, token) is None:
        from training_pipeline.app.sheet_source import sheet_source
        from training_pipeline.client.sheets.versions import SheetVersions

        settings = Settings()
        return here(SheetVersions(sheet_source(settings), settings))
    with open_client(url, token) as client:
        return there(client)
