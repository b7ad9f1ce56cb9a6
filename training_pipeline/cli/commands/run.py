"""`training-pipeline run` and `demo`: one training job, driven in this process."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.text import Text

from training_pipeline.app.container import Services
from training_pipeline.cli.commands.job_request import (
    BaseModelId,
    BatchSize,
    Config,
    Epochs,
    LearningRate,
    ModelName,
    Register,
    Split,
    config_of,
    request_of,
)
from training_pipeline.cli.render.job import as_json, of_answers, of_gates, of_lineage, of_result, public
from training_pipeline.cli.render.progress import LiveProgress
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.cli.user import user
from training_pipeline.domain.errors import BackendFailed, PipelineError
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.settings import Settings

DEMO_SHEET = "sheet-123"
DEMO_MODEL = "triage-demo"
BUILTIN_TINY = "builtin:tiny"
#: The demo shows what a person would want to see of a first model: every validation question, answered.
DEMO_QUESTIONS = 100


class DemoBackend(StrEnum):
    """Where the demo trains."""

    LOCAL = "local"
    DATABRICKS = "databricks"


def run(
    sheet: Annotated[str, typer.Argument(help="Id of the training sheet to train on.")],
    base_model: BaseModelId = None,
    model_name: ModelName = None,
    split: Split = 0.8,
    epochs: Epochs = "auto",
    learning_rate: LearningRate = "auto",
    batch_size: BatchSize = "auto",
    config: Config = None,
    register: Register = True,
    wait: Annotated[bool, typer.Option(help="Wait until the job ends, or return once it is submitted.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the finished job as JSON.")] = False,
) -> None:
    """Train one job on a training sheet in this process."""
    stated = config_of(config or [], epochs=epochs, learning_rate=learning_rate, batch_size=batch_size)
    request = request_of(
        sheet, model_name, stated, base_model=base_model, train_val_split=split, register_to_uc=register
    )
    console = terminal(stderr=json)
    with _installation() as (services, instance):
        job = _create(services, request, console)
        job = _drive(services, instance, job, console, wait=wait)
        if json:
            typer.echo(as_json(job, services.settings))
        _require(job, wait=wait)
        if not json and wait:
            console.print(_summary(services, job))
        elif not json:
            console.print(f"Submitted. Follow it with `training-pipeline jobs watch {job.id}` or `up`.")


def demo(
    backend: Annotated[DemoBackend, typer.Option(help="Where to train: locally, or on a simulated Databricks.")] = (
        DemoBackend.LOCAL
    ),
) -> None:
    """Train a small model on the bundled sample sheet, from the sheet to the registered model version."""
    if backend is DemoBackend.LOCAL:
        _demo(Settings())
        return
    from training_pipeline.cli.system.stand_in_workspace import stand_in_workspace

    console = terminal()
    with stand_in_workspace(Settings()) as settings:
        what = ": a simulated workspace on this machine answers its API"
        notice = Text.assemble(("This is not Databricks", "yellow"), what)
        where = f" ({os.environ['DATABRICKS_HOST']}), and this machine runs what is submitted to it.\n"
        console.print(Text.assemble(notice, where))
        _demo(settings, more=False)
        console.print(Text.assemble("\n", notice, ". Nothing left this machine."))
        stop = f"TRAINING_PIPELINE_STATE_DIR={settings.state_dir} {_program()} down"
        left = Text.assemble("Its database is still running. To stop it: ", (stop, "bold"))
        console.print(left, highlight=False, soft_wrap=True)


def _demo(settings: Settings, *, more: bool = True) -> None:
    console = terminal()
    started = time.monotonic()
    what = ": from reviewed question-answer pairs to a registered model.\n"
    console.print(Text.assemble(("training_pipeline", "bold"), what))
    with _installation(settings) as (services, instance):
        request = {
            "training_sheet_id": DEMO_SHEET,
            "model_name": DEMO_MODEL,
            "base_model": BUILTIN_TINY,
            "training_config": {"exact_match_questions": DEMO_QUESTIONS},
        }
        job = _create(services, request, console)
        console.print()
        job = _drive(services, instance, job, console, wait=True)
        _require(job, wait=True)
        console.print(_summary(services, job, answers=3))
    seconds = time.monotonic() - started
    console.print(f"\nDone in {seconds:.0f} s." + " Try next:" * more)
    if not more:
        return
    for arguments, why in (
        ("up", "open the Dagster UI with this job's lineage, checks and curves"),
        (f"sheets show {DEMO_SHEET}", "see which pairs may be trained on, and why"),
        ("sheets import --help", "import your own questions and answers"),
        (f"jobs show {job.id}", "show this job again"),
    ):
        console.print(Text.assemble("  ", (f"{_program()} {arguments}", "bold"), "  ", (why, "dim")), highlight=False)


def _create(services: Services, request: dict[str, Any], console: Console) -> TrainingJob:
    """Create the job; its trainer imports its libraries while this process imports what launches the job."""
    job = services.jobs.create(request, created_by=user())
    services.launcher.start_early(job)
    on = f" on {job.request.training_sheet_name}, from {job.request.base_model}."
    console.print(Text.assemble("Training job ", (job.id, "bold"), on))
    return job


def _program() -> str:
    """How this program is called from here: by its name where it is on the path, else by where it is."""
    called = Path(sys.argv[0])
    if shutil.which(called.name):
        return called.name
    return os.path.relpath(called) if called.is_absolute() else str(called)


def _installation(settings: Settings | None = None) -> AbstractContextManager[tuple[Services, Any]]:
    from training_pipeline.cli.system.installation import installation

    return installation(settings or Settings())


def _drive(services: Services, instance: Any, job: TrainingJob, console: Console, *, wait: bool) -> TrainingJob:
    from training_pipeline.cli.system.driver import drive

    with LiveProgress(console).running() as progress:
        return drive(
            services,
            instance,
            job.id,
            seen=lambda now: progress.seen(public(now, services.settings)),
            wait=wait,
        )


def _require(job: TrainingJob, *, wait: bool) -> None:
    if wait and job.status is not JobStatus.SUCCEEDED:
        cause = job.error_message or job.cancellation.reason or ""
        raise BackendFailed(f"Training job {job.id} is {job.status}. {cause}".strip())


def _summary(services: Services, job: TrainingJob, *, answers: int = 0) -> Group:
    from training_pipeline.domain.refs import required
    from training_pipeline.training_jobs.store import lineage

    dataset = required(job.data.dataset, "dataset")
    result = services.backend.result(job.id, job.attempt)
    parts = [
        of_gates(required(job.data.snapshot, "snapshot").summary),
        of_result(job, dataset, result.train_loss_first),
    ]
    try:
        if answers and (asked := services.backend.answers(job.id, job.attempt)):
            parts.append(of_answers(asked[:answers]))
    except PipelineError as error:  # the model is registered all the same
        parts.append(Text(f"The sample answers could not be loaded: {error}"))
    parts.append(of_lineage(job, lineage.read(services.store, job.id)))
    return Group(*parts)
