"""A partition is a training job: two jobs on one sheet may overlap and must not overwrite each other's lineage."""

from __future__ import annotations

import dagster as dg

from training_pipeline.training_jobs.claims import Phase, run_key

training_job_partitions = dg.DynamicPartitionsDefinition(name="training_job")

JOB_TAG = "training_pipeline/job_id"
PHASE_TAG = "training_pipeline/phase"
ATTEMPT_TAG = "training_pipeline/attempt"


def run_tags(phase: Phase, job_id: str, attempt: int) -> dict[str, str]:
    """The tags that tell which job, phase and attempt a run works on."""
    return {JOB_TAG: job_id, PHASE_TAG: str(phase), ATTEMPT_TAG: str(attempt)}


def run_request(phase: Phase, job_id: str, attempt: int, *, job_name: str) -> dg.RunRequest:
    """The request for the run of one attempt; its run key is never requested twice."""
    return dg.RunRequest(
        run_key=run_key(phase, job_id, attempt),
        partition_key=job_id,
        job_name=job_name,
        tags=run_tags(phase, job_id, attempt),
    )
