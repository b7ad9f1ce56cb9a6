"""`training-pipeline models audit` and `jobs audit`: everything on record of one of them, as one archive."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from training_pipeline.cli.commands.options import JobId, Token, Url
from training_pipeline.cli.commands.saving import save
from training_pipeline.cli.open_client import open_client

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File to write. Default: audit-….zip in this directory.", dir_okay=False),
]
_CHECK: Final = "Unpack it and run `sha256sum -c SHA256SUMS` there to check it."


def audit_job(job_id: JobId, output: Output = None, url: Url = None, token: Token = None) -> None:
    """Write everything on record of a training job to one archive, with hashes and without texts of pairs."""
    with open_client(url, token) as client:
        _save(client.audit_job(job_id), output, job_id)


def audit_version(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    output: Output = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Write everything on record of a model version to one archive, with hashes and without texts of pairs."""
    with open_client(url, token) as client:
        _save(client.audit_model_version(name, version), output, f"{name}-{version}")


def _save(pieces: Iterable[bytes], output: Path | None, of: str) -> None:
    from training_pipeline.client.audit.archive import file_name

    path = output or Path(file_name(of))
    typer.echo(f"{path}: SHA-256 {save(pieces, path)}. {_CHECK}")
