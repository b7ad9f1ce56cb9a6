"""`training-pipeline models export`: the files of a version for elsewhere, on the machine that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training_pipeline.models.export.formats import ExportFormat


def export(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    format: Annotated[
        ExportFormat,
        typer.Option(help="The adapter of a LoRA training, or the whole model: `merged`, or `vllm` for vLLM."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write. Default: NAME-VERSION-FORMAT in this directory."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a version to a folder with hashes, once 20 answers have shown that it is the model that was trained.

    Works on the machine that has its files. Withdrawn versions are refused, and tainted ones without an accepted risk.
    """
    from training_pipeline.app.container import open_services
    from training_pipeline.cli.system.environment import prepare_environment
    from training_pipeline.cli.user import user
    from training_pipeline.models.export.exports import Exports
    from training_pipeline.settings import Settings

    settings = Settings()
    prepare_environment(settings)
    services = open_services(settings)
    to = (output or Path(f"{name}-{version}-{format}".replace("/", "-"))).absolute()
    try:
        exports = Exports(services.store, services.backend, services.versions, services.decisions)
        made = exports.export(name, version, format, to, actor=user())
    finally:
        services.store.engine.dispose()
    if json:
        typer.echo(made.model_dump_json(indent=2))
        return
    parity = made.parity
    typer.echo(f"{to}: {len(made.files):,} files, digest {made.digest}")
    typer.echo(
        f"Tested: {parity.same:,} of {parity.tokens:,} tokens of {parity.questions} answers are the same. {made.tested}"
    )
    if made.not_tested:
        typer.echo(f"Not tested: {made.not_tested}")
    typer.echo("Run `sha256sum -c SHA256SUMS` there to check it.")
