"""The options that commands on training jobs share, and how they print."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from training_pipeline.cli.render.terminal import terminal
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job_id import is_job_id

#: Where output is no terminal nothing is cut off for want of room.
_WIDE: Final = 400


def _job_id(value: str) -> str:
    if not is_job_id(value):
        raise NotFound(
            f"There is no training job {value[:80]!r}.", hint="Run `training-pipeline jobs list` to see all jobs."
        )
    return value


JobId = Annotated[str, typer.Argument(help="Id of the training job.", callback=_job_id)]
Json = Annotated[bool, typer.Option("--json", help="Print the REST API's answer as JSON.")]
Url = Annotated[
    str | None,
    typer.Option(
        help="REST API to use, as https://host. Default: TRAINING_PIPELINE_URL, else this machine.", metavar="URL"
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="Token for that API. Prefer TRAINING_PIPELINE_TOKEN: other users of this machine can see command lines.",
        metavar="TOKEN",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(help="Idempotency key: the same key and request create one job only.", metavar="KEY"),
]
Cursor = Annotated[str | None, typer.Option(help="Continue after the page with this next_cursor.")]


def print_json(answer: BaseModel) -> None:
    """Print the answer as the REST API gives it."""
    typer.echo(answer.model_dump_json(indent=2))


def console() -> Console:
    """The console for tables and messages."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # there is none after `>&-`
    return terminal(highlight=False) if is_terminal else terminal(highlight=False, width=_WIDE)


def say(what: RenderableType) -> None:
    """Print it; a line that must be copied in one piece is left to the terminal to break."""
    console().print(what, crop=False)
