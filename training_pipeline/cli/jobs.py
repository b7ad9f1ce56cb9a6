"""`training-pipeline jobs`: look at training jobs, cancel and retry them."""

from __future__ import annotations

import getpass
import json as jsonlib
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training_pipeline.cli import show_job
from training_pipeline.domain.job import ACTIVE, JobStatus
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services

app = typer.Typer(help="Look at training jobs, cancel and retry them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _services() -> Services:
    from training_pipeline.cli.environment import prepare_environment
    from training_pipeline.training_jobs.services import open_services

    settings = Settings()
    prepare_environment(settings)
    return open_services(settings)


@app.command("list")
def list_jobs(
    status: Annotated[list[JobStatus] | None, typer.Option(help="Only jobs in this status; may be repeated.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Only jobs on this training sheet.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """List training jobs, newest first."""
    jobs, total = _services().jobs.list(statuses=status or (), training_sheet_id=sheet, limit=limit)
    if json:
        typer.echo(jsonlib.dumps({"jobs": [jsonlib.loads(show_job.as_json(job)) for job in jobs], "total": total}))
        return
    table = Table(box=None, header_style="dim")
    for column in ("job", "status", "", "training sheet", "model", "loss", "by"):
        table.add_column(column, no_wrap=column in {"job", "status"})
    for job in jobs:
        table.add_row(
            job.id,
            show_job.badge(job.status),
            f"{job.progress_percent:.0f} %",
            job.training_sheet_id,
            f"{job.model_name} {job.uc_model_version or ''}",
            show_job.figure(job.train_loss),
            job.created_by,
        )
    console = Console()
    console.print(table if jobs else "There are no training jobs yet. `training-pipeline demo` makes one.")
    if total > len(jobs):
        console.print(f"{len(jobs)} of {total}; --limit shows more.", style="dim")


@app.command()
def show(job_id: Annotated[str, typer.Argument(help="The training job.")], json: Json = False) -> None:
    """Show one training job: configuration, figures, events."""
    services = _services()
    job = services.jobs.get(job_id)
    if json:
        typer.echo(show_job.as_json(job))
        return
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    grid.add_row("job", job.id)
    grid.add_row("status", show_job.badge(job.status))
    grid.add_row("training sheet", f"{job.training_sheet_name} ({job.training_sheet_id})")
    grid.add_row("base model", job.base_model)
    grid.add_row("model", f"{job.uc_model_name or job.model_name} {job.uc_model_version or ''}")
    grid.add_row("pairs", f"{job.total_pairs} in all, {job.train_pairs} train, {job.val_pairs} validation")
    grid.add_row("progress", f"{job.progress_percent:.0f} %, step {job.current_step} of {job.planned_steps}")
    grid.add_row("loss", f"{show_job.figure(job.train_loss)}, validation {show_job.figure(job.val_loss)}")
    grid.add_row("configuration", ", ".join(f"{key}={value}" for key, value in job.training_config.items()))
    if job.error_message:
        grid.add_row("cause", job.error_message)
    console.print(grid)
    console.print()
    events, total = services.store.events(job_id, limit=20)
    for event in reversed(events):
        console.print(f"[dim]{event.created_at:%H:%M:%S}[/]  {event.message}", highlight=False)
    if total > len(events):
        console.print(f"the last {len(events)} of {total} events", style="dim")


@app.command()
def watch(job_id: Annotated[str, typer.Argument(help="The training job.")]) -> None:
    """Follow a training job until it is over, driving it on where no daemon does."""
    from training_pipeline.cli.in_process import drive
    from training_pipeline.cli.installation import installation

    console = Console()
    with installation(Settings()) as (services, instance), show_job.LiveProgress(console).running() as progress:
        job = drive(services, instance, services.jobs.get(job_id).id, seen=progress.seen)
    console.print(f"{job.id}: {job.status}")
    if job.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(1)


@app.command()
def cancel(
    job_id: Annotated[str, typer.Argument(help="The training job.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the job.")] = "cancelled on the command line",
) -> None:
    """Cancel a training job. One that runs is asked to stop; it is cancelled once the backend confirms it."""
    job = _services().jobs.cancel(job_id, actor=getpass.getuser(), reason=reason)
    said = "cancel requested" if job.status in ACTIVE else str(job.status)
    typer.echo(f"{job.id}: {said}")


@app.command()
def retry(
    job_id: Annotated[str, typer.Argument(help="A training job that failed, was cancelled or timed out.")],
) -> None:
    """Create a new training job like one that did not succeed."""
    job = _services().jobs.retry(job_id, actor=getpass.getuser())
    typer.echo(f"{job.id}: created as a retry of {job_id}; `training-pipeline jobs watch {job.id}` follows it.")
