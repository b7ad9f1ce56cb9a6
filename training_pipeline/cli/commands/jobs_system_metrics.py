"""`training-pipeline jobs system-metrics`: what the machine did while a job trained."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli.commands.options import JobId, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.cli.render.system_metrics import machine_figures


def system_metrics(
    job_id: JobId,
    resolution: Annotated[
        int, typer.Option(min=2, max=10_000, help="Maximum number of samples; minima and maxima are kept.")
    ] = 500,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the use of processors, memory, GPU and disk while a job trained, also while it runs."""
    with open_client(url, token) as client:
        found = client.system_metrics(job_id, resolution=resolution)
    print_json(found) if json else say(machine_figures(found))
