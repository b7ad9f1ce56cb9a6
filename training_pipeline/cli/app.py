"""The command `training-pipeline`. Each command's module is loaded when it is called, so that help comes at once."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from training_pipeline.domain.errors import PipelineError
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.settings.storage import default_state_dir
from training_pipeline.settings.unknown import require_known_settings

#: Command -> where it is (a Typer app with its own commands, or a function), and its line in the help.
COMMANDS: Final = {
    "demo": (
        "commands.run:demo",
        "Train a small model on the bundled sample sheet, from the sheet to the registered model version.",
    ),
    "run": ("commands.run:run", "Train one job on a training sheet in this process."),
    "sheets": ("commands.sheets:app", "List, check, preview, import and review training sheets."),
    "jobs": (
        "commands.jobs:app",
        "Create, list, watch, annotate, cancel, finish and retry training jobs, here or through a REST API.",
    ),
    "models": (
        "commands.models:app",
        "List, show, verify, ask, audit, export, download, evaluate, promote, retrain versions; decide about them.",
    ),
    "uses": (
        "commands.uses:uses",
        "Show every dataset, training job and model version that used a pair, an item, a label, a text or a sheet.",
    ),
    "revoke": (
        "commands.revoke:revoke",
        "Revoke a pair, an item, a label, an example, a question or a sheet: "
        "every model that learned from it is tainted.",
    ),
    "revocations": (
        "commands.revoke:revocations",
        "List revocations, newest first, or show one with every model that it taints.",
    ),
    "erase": (
        "commands.erase:erase",
        "Delete the text of every dataset that contains a revoked row. Exit code 3: other files contain it, or may.",
    ),
    "index": ("commands.index:app", "Check or rebuild the index that says which models learned from a row."),
    "suites": ("commands.suites:app", "Make and list evaluation suites, and check them against a model."),
    "studies": (
        "commands.studies:app",
        "Create, list, watch and stop studies, which search for the best configuration; promote their winner.",
    ),
    "scores": (
        "commands.scores:app",
        "Score answers, show metrics with intervals, and say whether a model is good enough to ship.",
    ),
    "databricks": ("commands.databricks:app", "Check a Databricks workspace, and clean its volume up."),
    "tokens": ("commands.tokens:app", "Create, list and revoke the tokens of the REST API."),
    "serve": ("system.serve:serve", "Serve the REST API and the TRAIN page until Ctrl-C."),
    "up": (
        "system.commands:up",
        "Start the database, Dagster's webserver and daemon and the REST API; stop them with Ctrl-C.",
    ),
    "down": ("system.commands:down", "Stop a running `up` and the embedded PostgreSQL."),
    "status": ("system.commands:status", "Show which services run, and where."),
    "env": ("system.commands:env", "Print `export` lines that point other tools to this installation."),
}


class Commands(TyperGroup):
    """The commands, known by name and help line until one of them is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is Typer's
        """All command names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is Typer's
        """A stand-in with the command's help line, for the help and for completion."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, loaded; an unknown name is a usage error."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


def load(name: str) -> Any:
    """Import a command and everything it needs."""
    module, attribute = COMMANDS[name][0].split(":")
    found = getattr(importlib.import_module(f"training_pipeline.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return get_group(found)
    single = typer.Typer(add_completion=False)
    single.command(name)(found)
    return get_command(single)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"training-pipeline {version('training_pipeline')}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """From expert-reviewed question-answer pairs to a fine-tuned language model, under governance, with its lineage."""
    # What was started by another environment can be stopped in this one, and help is what somebody reads to mend it.
    if ctx.invoked_subcommand != "down" and "--help" not in takewhile(lambda one: one != "--", sys.argv[1:]):
        require_known_settings()


def main() -> NoReturn:
    """Run the command line and exit: 0 success, 1 an error the user can fix, 2 wrong usage, 130 interrupted."""
    sys.exit(guarded(lambda: app(prog_name="training-pipeline")))


def guarded(command: Callable[[], Any]) -> Any:
    """The exit code of `command`. Errors are shown without a traceback; that of an unexpected one goes to a file."""
    try:
        command()
    except SystemExit as done:
        return done.code
    except KeyboardInterrupt:
        return 130
    except PipelineError as error:
        return _failed(str(error))
    except ValidationError as error:
        if error.title == "Settings":
            return _failed(_of_settings(error))
        return _failed(_unforeseen(error))
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: kept in full, and said in one sentence
        return _failed(_no_json(error) or _unforeseen(error))
    return 0


def _failed(message: str) -> int:
    first, *more = message.split("\n")
    typer.echo("\n".join([typer.style("Error: ", fg="red", bold=True) + first, *more]), err=True)
    return 1


def _of_settings(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        # What is wrong with several settings together names them itself.
        name, *within = [str(part) for part in problem["loc"]] or [""]
        places = [*([f"{PREFIX}{name.upper()}"] if name else []), *([".".join(within)] if within else [])]
        lines.append(": ".join([*places, problem["msg"].removeprefix("Value error, ")]))
    return _invalid_settings(lines)


def _no_json(error: Exception) -> str | None:
    """What to say of a setting that should be JSON and is none; None for any other error. The value is not quoted."""
    from pydantic_settings import SettingsError

    found = re.search(r'field "(\w+)"', str(error)) if isinstance(error, SettingsError) else None
    return None if found is None else _invalid_settings([f"{PREFIX}{found[1].upper()}: must be JSON"])


def _invalid_settings(lines: Sequence[str]) -> str:
    said = [f"  {line}" for line in lines]
    return "\n".join(["The settings (environment variables, or lines in .env) are invalid:", *said])


def _unforeseen(error: Exception) -> str:
    name = f"error-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
    written = "".join(traceback.format_exception(error))
    logs = Path(os.environ.get(f"{PREFIX}STATE_DIR") or default_state_dir()).expanduser() / "logs"
    try:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = os.open(logs / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), str(logs / name)
    except OSError:  # a full or foreign state directory may be the very error
        descriptor, path = tempfile.mkstemp(prefix="training-pipeline-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(written)
    return f"An unexpected error occurred ({type(error).__name__}); the details are in {path}."
