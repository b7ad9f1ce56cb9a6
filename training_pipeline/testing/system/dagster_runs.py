"""Running the phases of a job in this process, as the sensors' run requests would."""

from __future__ import annotations

from typing import Any

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.partitions import run_tags, training_job_partitions
from training_pipeline.domain.job import TERMINAL, Phase, TrainingJob
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.lifecycle.claims import claim

RUNS = {Phase.LAUNCH: "launch_training", Phase.FINALIZE: "finalize_training"}


def create(services: Services, sheet: str = "small", **request: Any) -> TrainingJob:
    """A pending job of ada on a sheet, through the service that every face uses."""
    return services.jobs.create({"training_sheet_id": sheet, "model_name": "triage", **request}, created_by="ada")


def execute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, phase: Phase, job: TrainingJob
) -> dg.ExecuteInProcessResult:
    """The run of the job's claimed attempt."""
    instance.add_dynamic_partitions(str(training_job_partitions.name), [job.id])
    return definitions.resolve_job_def(RUNS[phase]).execute_in_process(
        instance=instance,
        partition_key=job.id,
        tags=run_tags(phase, job.id, job.phase(phase).attempt),
        raise_on_error=False,
    )


def launch(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob
) -> dg.ExecuteInProcessResult:
    """Claim the job and run its launch."""
    claimed = claim(services.store, Phase.LAUNCH, job_id=job.id)
    assert claimed, "the job cannot be claimed"
    return execute(definitions, instance, Phase.LAUNCH, claimed[0])


def finish(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob
) -> dg.ExecuteInProcessResult:
    """Poll until the backend is done, claim the finish and run it."""

    def done() -> bool:
        services.poller.poll_due(seconds=1.0)  # also the job that has the slot which this one waits for
        return services.store.get(job.id).polling.backend_status in TERMINAL

    until(done, what="the end of the training run")
    claimed = claim(services.store, Phase.FINALIZE, job_id=job.id)
    assert claimed, "the job cannot be finished"
    return execute(definitions, instance, Phase.FINALIZE, claimed[0])
