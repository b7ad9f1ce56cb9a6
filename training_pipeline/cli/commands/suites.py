"""`training-pipeline suites`: what models are evaluated on."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import JobId, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client

app = typer.Typer(help="Make and list evaluation suites, and check them against a model.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the suite.")]


@app.command()
def create(
    name: Name,
    training_sheet_ids: Annotated[list[str], typer.Argument(help="Training sheets to take the pairs from.")],
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Freeze the pairs of training sheets that may be evaluated on, as ids and hashes under a name."""
    from training_pipeline.cli.render.suite import suite_of

    with open_client(url, token) as client:
        made = client.create_suite({"name": name, "training_sheet_ids": training_sheet_ids})
    print_json(made) if json else say(suite_of(made))


@app.command(name="list")
def list_(json: Json = False, url: Url = None, token: Token = None) -> None:
    """List the suites with their numbers of pairs and their digests."""
    from training_pipeline.cli.render.suite import suites_of

    with open_client(url, token) as client:
        found = client.suites()
    print_json(found) if json else say(suites_of(found))


@app.command()
def show(name: Name, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show a suite: how many pairs it has of each training sheet, and why others are not in it."""
    from training_pipeline.cli.render.suite import suite_of

    with open_client(url, token) as client:
        found = client.suite(name)
    print_json(found) if json else say(suite_of(found))


@app.command()
def check(name: Name, job_id: JobId, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Compare a suite with all that the model of a job was trained on; the exit code is 1 if no pair is left."""
    from training_pipeline.cli.render.suite import check_of

    with open_client(url, token) as client:
        found = client.check_suite(name, job_id)
    print_json(found) if json else say(check_of(found))
    if not found.evaluated:
        raise typer.Exit(1)
