"""What the commands on training jobs have in common: their options, and how they print."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job_id import is_job_id

#: Where output is no terminal nothing is cut off for want of room.
_WIDE: Final = 400


def _job_id(value: str) -> str:
    if not is_job_id(value):
        raise NotFound(f"There is no training job {value[:80]!r}.", hint="`training-pipeline jobs list` shows them.")
    return value


JobId = Annotated[str, typer.Argument(help="Id of the training job.", callback=_job_id)]
Json = Annotated[bool, typer.Option("--json", help="Print what the REST API answers, as JSON.")]
Url = Annotated[
    str | None,
    typer.Option(
        help="REST API to work on, as https://host; else TRAINING_PIPELINE_URL, else this machine.", metavar="URL"
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="Token for it. Better set TRAINING_PIPELINE_TOKEN: others on this machine can see what is typed here.",
        metavar="TOKEN",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(help="With the same key and the same request no second job is made.", metavar="KEY"),
]
Cursor = Annotated[str | None, typer.Option(help="Go on where the page with this next_cursor ended.")]


def print_json(answer: BaseModel) -> None:
    """Print the answer as the REST API gives it."""
    typer.echo(answer.model_dump_json(indent=2))


def console() -> Console:
    """Where tables and sentences go."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)


def say(what: RenderableType) -> None:
    """Print it; a line that must be copied in one piece is left to the terminal to break."""
    console().print(what, crop=False)
