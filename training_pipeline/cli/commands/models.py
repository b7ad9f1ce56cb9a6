"""`training-pipeline models`: model versions."""

from __future__ import annotations

import typer

from training_pipeline.cli.commands import model_decisions

app = typer.Typer(help="Decide about tainted model versions, and verify decisions.", no_args_is_help=True)
model_decisions.add_to(app)
