"""`training-pipeline models`: registered model versions, here or through a REST API."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from training_pipeline.cli.commands import (
    audit,
    model_ask,
    model_decisions,
    model_download,
    model_evaluations,
    model_export,
    model_promotions,
    paging,
)
from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_models
from training_pipeline.cli.render import jobs
from training_pipeline.cli.render import models as render
from training_pipeline.domain.model_version import Cleanness, VersionState

app = typer.Typer(
    help="List, show, verify, ask, audit, export, download, evaluate, promote, retrain versions; decide about them.",
    no_args_is_help=True,
)

#: What `verify` exits with.
CODES: Final = {Cleanness.CLEAN: 0, Cleanness.NOT_CLEAN: 2, Cleanness.UNKNOWN: 3}

Name = Annotated[str, typer.Argument(help="Full name of the model.")]
Version = Annotated[str, typer.Argument(help="Its version.")]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only versions of the model with this full name.")] = None,
    alias: Annotated[str | None, typer.Option(help="Only versions that have this alias now.")] = None,
    state: Annotated[VersionState | None, typer.Option(help="Only versions in this state.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Only versions of this training sheet or source sheet.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of versions to list.")] = 20,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List registered model versions, newest first."""
    with open_models(url, token) as client:
        page = paging.rows(
            lambda size, at: client.model_versions(
                name=name, alias=alias, state=state, sheet=sheet, page_size=size, cursor=at
            ),
            "model_versions",
            limit=limit,
            cursor=cursor,
        )
    print_json(page) if json else say(render.versions(page))


@app.command()
def show(name: Name, version: Version, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show what a version was trained on, who allowed it, where it comes from and is used, and its files."""
    with open_models(url, token) as client:
        found = client.model_version(name, version)
    print_json(found) if json else say(render.details(found))


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Full name of the model.")] = None,
    version: Annotated[str | None, typer.Argument(help="Its version.")] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Check that no decision about any version was removed or changed.")
    ] = False,
    head: model_decisions.Head = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Check now whether a version is still clean. Exit code: 0 clean, 2 not clean, 3 not everything can be checked.

    With `--decisions` the decisions are checked: 0 nothing was removed or changed, 1 something was.
    """
    if decisions:
        if name is not None:
            raise typer.BadParameter("Decisions are checked all together: give no version.", param_hint="--decisions")
        model_decisions.verify_decisions(head, json=json, url=url, token=token)
        return
    if name is None or version is None:
        raise typer.BadParameter("Give a model and its version, or --decisions.", param_hint="NAME VERSION")
    if head is not None:
        raise typer.BadParameter("Requires --decisions.", param_hint="--head")
    with open_models(url, token) as client:
        found = client.verify_model_version(name, version)
    print_json(found) if json else say(render.verification(found))
    raise typer.Exit(CODES[found.verdict])


@app.command()
def retrain(name: Name, version: Version, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Launch the proposed retrain of a tainted version, without the withdrawn rows. Repeated: the same job."""
    with open_models(url, token) as client:
        job = client.retrain(name, version)
    print_json(job) if json else say(jobs.created(job))


@app.command()
def endpoint(
    name: Name,
    version: Version,
    add: Annotated[
        str | None, typer.Option(help="Record that the endpoint with this URL serves it.", metavar="URL")
    ] = None,
    remove: Annotated[
        str | None, typer.Option(help="Record that the endpoint with this URL no longer serves it.", metavar="URL")
    ] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Record where a version is served, and since when; what was recorded before stays."""
    if (add is None) == (remove is None):
        raise typer.BadParameter("Give one of --add and --remove.", param_hint="--add")
    with open_models(url, token) as client:
        if add is not None:
            found = client.add_endpoint(name, version, url=add)
        else:
            found = client.remove_endpoint(name, version, url=remove or "")
    print_json(found) if json else say(render.endpoints(found.endpoints))


app.command("export")(model_export.export)
app.command("download")(model_download.download)
app.command("audit")(audit.audit_version)
model_decisions.add_to(app)
model_evaluations.add_to(app)
model_ask.add_to(app)
model_promotions.add_to(app)
