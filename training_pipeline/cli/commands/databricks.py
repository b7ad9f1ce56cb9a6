"""`training-pipeline databricks`: is the workspace ready for a training, and what may be removed from its volume."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from training_pipeline.app.backend import retention_of
from training_pipeline.app.preflight import preflight_of
from training_pipeline.app.sheet_source import workspace
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.databricks.lakebase import database_password
from training_pipeline.databricks.preflight import Check, State
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import open_database
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.training_jobs.store.jobs import JobStore

app = typer.Typer(help="Check a Databricks workspace, and clean its volume up.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COLOURS = {State.OK: "green", State.MISSING: "red", State.UNKNOWN: "yellow"}


@app.command()
def preflight(json: Json = False) -> None:
    """Check everything that a training on Databricks needs, without paying for a GPU, and print what is missing.

    Writes a small file to the volume and to the workspace folder, and removes both. The exit code is 1 if anything is
    missing.
    """
    checks = preflight_of(Settings())
    missing = [check for check in checks if check.state is State.MISSING]
    if json:
        typer.echo(jsonlib.dumps({"ready": not missing, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        terminal().print(_table(checks))
        typer.echo(f"{len(missing)} missing." if missing else "Ready.")
    if missing:
        raise typer.Exit(1)


@app.command("database-password")
def database_password_(
    name: Annotated[str, typer.Argument(help="The Lakebase instance, or projects/…/branches/…/endpoints/….")],
) -> None:
    """Print a new password for a Lakebase database, as JSON with the time when it expires.

    It is what TRAINING_PIPELINE_DATABASE_PASSWORD_COMMAND is for: do not let it be printed anywhere else.
    """
    typer.echo(database_password(workspace(Settings()), name))


@app.command()
def clean(
    days: Annotated[
        float | None,
        typer.Option(min=1, help="Number of days, instead of TRAINING_PIPELINE_DATABRICKS_RETENTION_DAYS."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed without removing anything.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove datasets and results from the volume that no job, model or lineage record has needed for some days.

    Every other folder is listed with what it is kept for.
    """
    settings = Settings()
    prepare_environment(settings)
    store = JobStore(open_database(settings).engine(pooled=False))
    retention = retention_of(settings, store, days=days)
    if retention is None:
        raise InvalidRequest(
            "No volume or retention period is set.",
            hint=f"Set {PREFIX}DATABRICKS_VOLUME, and {PREFIX}DATABRICKS_RETENTION_DAYS or --days.",
        )
    verdicts = retention.verdicts(remove=not dry_run)
    if json:
        shown = [
            {**asdict(each.folder), "removed": each.removed, "why": each.why, "size": each.size} for each in verdicts
        ]
        typer.echo(jsonlib.dumps({"dry_run": dry_run, "folders": shown}, indent=2))
        return
    table = Table(box=None, header_style="dim")
    for column in ("folder", "bytes", "removed" if not dry_run else "would be removed", "why"):
        table.add_column(column, no_wrap=column != "why")
    for each in verdicts:
        size = "" if each.size is None else f"{each.size:,}"
        table.add_row(f"{each.folder.kind}/{each.folder.name}", size, "yes" if each.removed else "no", each.why)
    terminal().print(table if verdicts else "The volume holds no files of this project.")


def _table(checks: list[Check]) -> Table:
    table = Table(box=None, header_style="dim")
    for column in ("check", "state", "found, and what to do"):
        table.add_column(column, no_wrap=column == "state")
    for check in checks:
        remedy = f"\n{check.remedy}" if check.remedy and check.state is not State.OK else ""
        said = Text.assemble(check.said, (remedy, "bold"))
        table.add_row(check.name, Text(check.state, _COLOURS[check.state]), said)
    return table
