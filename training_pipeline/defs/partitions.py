"""A partition is a training job: two jobs on one sheet may overlap and must not overwrite each other's lineage."""

from __future__ import annotations

from typing import Final

import dagster as dg

from training_pipeline.domain.job import Phase, TrainingJob
from training_pipeline.training_jobs.lifecycle.claims import run_key

training_job_partitions = dg.DynamicPartitionsDefinition(name="training_job")

OURS: Final = "training_pipeline/"
JOB_TAG: Final = f"{OURS}job_id"
PHASE_TAG: Final = f"{OURS}phase"
ATTEMPT_TAG: Final = f"{OURS}attempt"
RUNS: Final = {Phase.LAUNCH: "launch_training", Phase.FINALIZE: "finalize_training"}


def run_tags(phase: Phase, job_id: str, attempt: int) -> dict[str, str]:
    """The tags that tell which job, phase and attempt a run works on."""
    return {JOB_TAG: job_id, PHASE_TAG: str(phase), ATTEMPT_TAG: str(attempt)}


def job_tags(job: TrainingJob) -> dict[str, str]:
    """The tags by which people find the runs of a job, a sheet, a model, a backend or a person."""
    return {
        JOB_TAG: job.id,
        f"{OURS}training_sheet": job.request.training_sheet_id,
        f"{OURS}model": job.request.model_name,
        f"{OURS}backend": job.backend,
        f"{OURS}requested_by": job.created_by,
    }


def run_request(phase: Phase, job: TrainingJob) -> dg.RunRequest:
    """The request for the run of the attempt that was claimed; its run key is never requested twice."""
    attempt = job.phase(phase).attempt
    return dg.RunRequest(
        run_key=run_key(phase, job.id, attempt),
        partition_key=job.id,
        job_name=RUNS[phase],
        tags={**job_tags(job), **run_tags(phase, job.id, attempt)},
    )
