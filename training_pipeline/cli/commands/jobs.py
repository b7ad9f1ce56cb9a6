"""`training-pipeline jobs`: create, list, watch, cancel, finish and retry training jobs, here or by a REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training_pipeline.cli.commands import (
    audit,
    jobs_advise,
    jobs_annotate,
    jobs_estimates,
    jobs_log,
    jobs_records,
    jobs_result,
    jobs_system_metrics,
    jobs_watch,
    paging,
)
from training_pipeline.cli.commands.job_request import (
    BaseModelId,
    BatchSize,
    Config,
    Epochs,
    FreshSplit,
    LearningRate,
    ModelName,
    Register,
    Split,
    SplitPredecessor,
    SplitSeed,
    UcCatalog,
    UcSchema,
    config_of,
    request_of,
)
from training_pipeline.cli.commands.options import Cursor, JobId, Json, Key, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_jobs
from training_pipeline.cli.render import jobs
from training_pipeline.domain.job import ACTIVE, JobStatus
from training_pipeline.settings import Settings

app = typer.Typer(
    help="Create, list, watch, annotate, cancel, finish and retry training jobs, here or through a REST API.",
    no_args_is_help=True,
)

Watch = Annotated[bool, typer.Option("--watch", help="Follow the new job until it ends.")]


@app.command()
def create(
    sheet: Annotated[str, typer.Argument(help="Id of the training sheet to train on.")],
    model_name: ModelName = None,
    base_model: BaseModelId = None,
    split: Split = 0.8,
    split_seed: SplitSeed = None,
    split_predecessor: SplitPredecessor = None,
    fresh_split: FreshSplit = False,
    epochs: Epochs = "auto",
    learning_rate: LearningRate = "auto",
    batch_size: BatchSize = "auto",
    config: Config = None,
    register: Register = True,
    uc_catalog: UcCatalog = None,
    uc_schema: UcSchema = None,
    note: Annotated[str | None, typer.Option(help="Note about the job, as plain text.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag, as a key or key:value; may be repeated.", metavar="TAG")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan without creating a job.")] = False,
    idempotency_key: Key = None,
    watch: Watch = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a training job. The running system trains it; to train in this process use `training-pipeline run`."""
    if dry_run and watch:
        raise typer.BadParameter("A dry run creates no job to watch.", param_hint="--watch")
    body = request_of(
        sheet,
        model_name,
        config_of(config or [], epochs=epochs, learning_rate=learning_rate, batch_size=batch_size),
        base_model=base_model,
        train_val_split=split,
        split_seed=split_seed,
        split_predecessor=split_predecessor,
        fresh_split=fresh_split or None,
        register_to_uc=register,
        uc_catalog=uc_catalog,
        uc_schema=uc_schema,
        note=note,
        tags=tag,
    )
    with open_jobs(url, token) as client:
        if dry_run:
            plan = client.plan(body)
            print_json(plan) if json else say(jobs.plan(plan))
            return
        job = client.create(body, idempotency_key=idempotency_key).job
        if watch:
            jobs_watch.follow(client, job, json=json)
        elif json:
            print_json(job)
        else:
            say(jobs.created(job))


@app.command("list")
def list_jobs(
    status: Annotated[list[JobStatus] | None, typer.Option(help="Only jobs in this status; may be repeated.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Only jobs that are pending, queued or running.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Only jobs on this training sheet.")] = None,
    by: Annotated[str | None, typer.Option(help="Only jobs that this person created.")] = None,
    tainted: Annotated[
        bool, typer.Option("--tainted", help="Only jobs whose model is tainted by a revocation.")
    ] = False,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only jobs with this tag; may be repeated.", metavar="TAG")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of jobs to list.")] = 20,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List training jobs, newest first."""
    statuses = sorted({*(status or ()), *(ACTIVE if active else ())})
    with open_jobs(url, token) as client:
        page = paging.rows(
            lambda size, at: client.list(
                statuses=statuses,
                training_sheet_id=sheet,
                created_by=by,
                tainted=tainted,
                tags=tag or (),
                page_size=size,
                cursor=at,
            ),
            "jobs",
            limit=limit,
            cursor=cursor,
        )
    if json:
        print_json(page)
    elif page.jobs:
        say(jobs.table(page))
    elif status or active or sheet or by or tainted or tag:
        say("No training jobs match.")
    else:
        say("No training jobs yet. `training-pipeline demo` creates one.")


@app.command()
def show(job_id: JobId, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show one training job: configuration, metrics, events."""
    with open_jobs(url, token) as client:
        job = client.get(job_id)
        if json:
            print_json(job)
        else:
            say(jobs.details(job, client.events(job_id, page_size=20), client.advice(job_id)))


@app.command()
def cancel(
    job_id: JobId,
    reason: Annotated[str, typer.Option(help="Reason, stored with the job.")] = "cancelled on the command line",
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Cancel a training job. For a running job a stop is requested; it is cancelled once the backend confirms it."""
    with open_jobs(url, token) as client:
        job = client.cancel(job_id, reason=reason)
    if json:
        print_json(job)
    else:
        said = "cancel requested; it is cancelled once the backend confirms it" if job.status in ACTIVE else job.status
        say(f"{job.id}: {said}")


@app.command()
def finish(job_id: JobId, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Finish now a job that was trained but not registered. The system also tries automatically, less often."""
    with open_jobs(url, token) as client:
        job = client.finish(job_id)
    if json:
        print_json(job)
    else:
        say(f"{job.id}: " + ("the running system finishes it now" if job.status in ACTIVE else job.status))


@app.command()
def archive(
    job_id: JobId,
    to: Annotated[
        Path | None, typer.Option(file_okay=False, help="Directory for archives. Default: archive/ in the state.")
    ] = None,
) -> None:
    """Write all records of a job to files, for instance before its Dagster runs and their events are deleted."""
    from training_pipeline.cli.system.installation import installation
    from training_pipeline.defs.archive import archive as write

    settings = Settings()
    with installation(settings) as (services, instance):
        written = write(services.store, instance, job_id, root=to or settings.state_dir / "archive")
    counts = ", ".join(f"{count} in {name}" for name, count in written.lines.items())
    typer.echo(f"{written.path}: {counts}")


@app.command()
def retry(
    job_id: JobId,
    config: Annotated[
        list[str] | None,
        typer.Option(help="A key of training_config to change, as key=value; may be repeated."),
    ] = None,
    idempotency_key: Key = None,
    watch: Watch = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a new training job from one that failed, was cancelled or timed out."""
    changes = config_of(config or [])
    with open_jobs(url, token) as client:
        job = client.retry(job_id, changes=changes, idempotency_key=idempotency_key).job
        if watch:
            jobs_watch.follow(client, job, json=json)
        elif json:
            print_json(job)
        else:
            say(jobs.created(job))


app.command("advise")(jobs_advise.advise)
app.command("estimates")(jobs_estimates.estimates)
app.command("annotate")(jobs_annotate.annotate)
app.command("watch")(jobs_watch.watch)
app.command("events")(jobs_records.events)
app.command("metrics")(jobs_records.metrics)
app.command("result")(jobs_result.result)
app.command("log")(jobs_log.log)
app.command("system-metrics")(jobs_system_metrics.system_metrics)
app.command("lineage")(jobs_records.lineage)
app.command("diff")(jobs_records.diff)
app.command("compare")(jobs_records.compare)
app.command("audit")(audit.audit_job)
