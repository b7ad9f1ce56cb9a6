"""`training-pipeline up`, `down`, `status` and `env`."""

from __future__ import annotations

import json as jsonlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.terminal import terminal
from training_pipeline.settings import Settings

if TYPE_CHECKING:
    from training_pipeline.cli.system.up_record import Record


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, resolve_path=True, help="Path of another workspace.yaml."),
    ] = None,
) -> None:
    """Start the database, Dagster's webserver and daemon and the REST API; stop them with Ctrl-C."""
    from training_pipeline.cli.system import supervise

    settings = Settings() if port is None else Settings(webserver_port=port)
    console = terminal()
    supervise.up(
        settings,
        workspace,
        say=lambda message: console.print(message, style="dim"),
        ready=lambda record: console.print(_welcome(settings, record)),
    )
    if settings.database_url is None:
        console.print("Stopped. PostgreSQL is still running; stop it with `training-pipeline down`.")
    else:
        console.print("Stopped.")


def down() -> None:
    """Stop a running `up` and the embedded PostgreSQL."""
    from training_pipeline.cli.system import supervise

    settings = Settings()
    stopped = supervise.down(settings)
    typer.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
    if settings.database_url is not None:
        typer.echo("The database was not stopped: it is set by TRAINING_PIPELINE_DATABASE_URL.")


def env() -> None:
    """Print `export` lines that point other tools to this installation: eval "$(training-pipeline env)"."""
    from training_pipeline.cli.system.environment import prepare_environment, tracking_environment

    settings = Settings()
    for name, value in {**prepare_environment(settings), **tracking_environment(settings)}.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def status(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which services run, and where."""
    found = _status(Settings())
    if json:
        typer.echo(jsonlib.dumps(found, indent=2))
        return
    table = Table(box=None, show_header=False)
    running = {True: Text("running", "green"), False: Text("not running", "dim")}
    table.add_row("State directory", "", found["state_dir"])
    table.add_row("Database", running[found["database"]["running"]], found["database"]["location"])
    table.add_row(
        "Dagster UI", running[found["up"]["running"]], found["up"]["url"] or "start it with training-pipeline up"
    )
    if found["up"]["read_only_url"]:
        table.add_row("  read-only", running[True], found["up"]["read_only_url"])
    if found["up"]["api_url"]:
        table.add_row("REST API", running[True], found["up"]["api_url"])
    for child in found["up"]["processes"]:
        table.add_row(f"  {child['name']}", running[child["running"]], f"pid {child['pid']}, log {child['log']}")
    terminal(soft_wrap=True).print(table)


def _status(settings: Settings) -> dict[str, Any]:
    from training_pipeline.cli.system import supervise, up_record
    from training_pipeline.domain.errors import Unavailable
    from training_pipeline.infra.database import Database
    from training_pipeline.infra.embedded_postgres import EmbeddedPostgres

    server = EmbeddedPostgres(settings.state_dir / "postgres")
    database = Database.stated(settings) or Database(server.url())
    try:
        database.check()
        answers = True
    except Unavailable:
        answers = False
    running = supervise.is_up(settings)
    record = up_record.read_record(settings) if running else None
    return {
        "state_dir": str(settings.state_dir),
        "database": {"running": answers, "location": database.location, "embedded": settings.database_url is None},
        "up": {
            "running": running,
            "pid": record.up.pid if record else None,
            "since": record.since.isoformat() if record else None,
            "url": record.url if record else None,
            "api_url": record.api_url if record else None,
            "read_only_url": (record.read_only_url or None) if record else None,
            "processes": [
                {
                    "name": child.name,
                    "pid": child.process.pid,
                    "running": child.process.is_alive(),
                    "log": str(child.log),
                }
                for child in (record.latest() if record else ())
            ],
        },
    }


def _welcome(settings: Settings, record: Record) -> Panel:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("Dagster UI", _link(record.url))
    if record.read_only_url:
        table.add_row("  read-only", _link(record.read_only_url))
    table.add_row("TRAIN page", _link(f"{record.api_url}/train"))
    table.add_row("REST API", _link(record.api_url))
    table.add_row("State", str(settings.state_dir))
    table.add_row("Logs", str(settings.logs))
    table.add_row("Stop", "Ctrl-C")
    return Panel(table, title="training_pipeline is up", title_align="left", border_style="green", expand=False)


def _link(url: str) -> Text:
    return Text(url, f"bold link {url}")
