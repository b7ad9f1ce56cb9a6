"""The Dagster jobs: the two runs of a training job, and create, cancel and retry for the Launchpad."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.assets import FINALIZE_ASSETS, LAUNCH_ASSETS
from training_pipeline.defs.launchpad import JOB_ID, REQUESTED_BY, caller_of, changed, form, stated
from training_pipeline.defs.metadata import of_plan
from training_pipeline.defs.partitions import job_tags
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import ACTIVE
from training_pipeline.domain.training_config import JobRequest, TrainingConfig

if TYPE_CHECKING:
    from training_pipeline.client.jobs.local import LocalJobs


ServicesParam = dg.ResourceParam[Services]

launch_training = dg.define_asset_job(
    "launch_training",
    selection=dg.AssetSelection.assets(*LAUNCH_ASSETS),
    description="From the training sheet to a run at the backend. Started by `launch_pending_jobs` for each job.",
)

finalize_training = dg.define_asset_job(
    "finalize_training",
    selection=dg.AssetSelection.assets(*FINALIZE_ASSETS),
    description="From the backend's result to the registered model. Started by `poll_training_jobs` for each job.",
)


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Ends the run with the message of a `PipelineError` instead of a stack trace."""
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


@dg.op(
    config_schema={
        **form(JobRequest, left_out=["training_config"]),
        "requested_by": REQUESTED_BY,
        "dry_run": dg.Field(bool, default_value=False, description="Show the plan without creating a job."),
        "training_config": dg.Field(form(TrainingConfig), description="How to fine-tune."),
    },
    description="Validate the request, resolve every auto and create the training job as pending.",
)
def create(context: dg.OpExecutionContext, services: ServicesParam) -> None:
    """Create the job; its run is launched by the sensor."""
    asked: dict[str, Any] = dict(context.op_config)
    stated_name, dry_run, config = (asked.pop(name) for name in ("requested_by", "dry_run", "training_config"))
    caller = caller_of(context.run, stated_name, services.settings)
    request = {**stated(asked, JobRequest), "training_config": stated(config, TrainingConfig)}
    with in_one_sentence():
        client = _client(services, caller)
        if dry_run:
            plan = client.plan(request)
            context.add_output_metadata(of_plan(plan))
            counts = f"{plan.export_summary.eligible} of {plan.export_summary.total} pairs may be trained on"
            context.log.info(f"{counts}. Dry run: nothing was stored.")
            return
        job = client.create(request).job
    _tell(context, services, job.id, f"Created training job {job.id}; the sensor launch_pending_jobs will start it.")


@dg.op(
    config_schema={
        "job_id": JOB_ID,
        "requested_by": REQUESTED_BY,
        "reason": dg.Field(str, default_value="no reason given", description="Stored with the job."),
    },
    description="Cancel a training job. If it was already submitted, a stop is requested from the backend.",
)
def cancel(context: dg.OpExecutionContext, services: ServicesParam) -> None:
    """Cancel the job, or request its cancel."""
    asked: Mapping[str, str] = context.op_config
    caller = caller_of(context.run, asked["requested_by"], services.settings)
    with in_one_sentence():
        job = _client(services, caller).cancel(asked["job_id"], reason=asked["reason"])
    done = "is being stopped, and is cancelled once its backend confirms it" if job.status in ACTIVE else "is cancelled"
    _tell(context, services, job.id, f"Training job {job.id} {done}.")


@dg.op(
    config_schema={
        "job_id": JOB_ID,
        "requested_by": REQUESTED_BY,
        "training_config": dg.Field(form(TrainingConfig, changes=True), description="What to change."),
    },
    description="Create a training job from one that failed, was cancelled or timed out.",
)
def retry(context: dg.OpExecutionContext, services: ServicesParam) -> None:
    """The new job; `retry_of` is the job it retries."""
    asked: Mapping[str, Any] = context.op_config
    changes = changed(asked["training_config"], TrainingConfig)
    caller = caller_of(context.run, asked["requested_by"], services.settings)
    with in_one_sentence():
        job = _client(services, caller).retry(asked["job_id"], changes=changes).job
    _tell(context, services, job.id, f"Created training job {job.id} as a retry of {job.retry_of}.")


def _client(services: Services, caller: Caller) -> "LocalJobs":
    """The jobs of this installation for who launched the run; imported now, for most runs need none of it."""
    from training_pipeline.client.jobs.local import LocalJobs

    return LocalJobs(services, caller)


def _tell(context: dg.OpExecutionContext, services: Services, job_id: str, message: str) -> None:
    """Report the job in the run's log, in the op's output metadata and in the run's tags."""
    job = services.store.get(job_id)
    context.log.info(message)
    context.add_output_metadata(
        {
            "training_job": job.id,
            "status": str(job.status),
            "training_sheet": f"{job.request.training_sheet_name} ({job.request.training_sheet_id})",
            "model": job.request.model_name,
            "base_model": job.request.base_model,
            "configuration": dg.MetadataValue.json(job.request.training_config),
        }
    )
    context.instance.add_run_tags(context.run_id, job_tags(job))


@dg.job(description="Create a training job, or with `dry_run` show the plan only.")
def create_training_job() -> None:
    """One op: create."""
    create()


@dg.job(description="Cancel a training job.")
def cancel_training_job() -> None:
    """One op: cancel."""
    cancel()


@dg.job(description="Train again after a failure, a cancel or a timeout, as a new training job linked to the old one.")
def retry_training_job() -> None:
    """One op: retry."""
    retry()
