"""`training-pipeline models download`: a file of a version, as it was registered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training_pipeline.cli.commands.options import Token, Url
from training_pipeline.cli.commands.saving import save
from training_pipeline.cli.open_client import open_client


def download(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    file: Annotated[str, typer.Argument(help="The file, by its path in `models show`.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: its name, in this directory.", dir_okay=False),
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Download a file of a model version, compared with its hash on record. Recorded as an event of its job.

    Withdrawn versions are refused, and tainted ones without an accepted risk.
    """
    path = output or Path(Path(file).name or "file")
    with open_client(url, token) as client:
        digest = save(client.download_model_file(name, version, file), path)
    typer.echo(f"{path}: SHA-256 {digest}")
