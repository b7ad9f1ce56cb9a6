from __future__ import annotations

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.progress import ASSET, PROGRESS, observations
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job


def test_dagster_hears_of_each_milestone_once_whoever_dies_in_between(
    services: Services, instance: dg.DagsterInstance
) -> None:
    store = services.store
    job = store.create(new_job(status=JobStatus.RUNNING, total_epochs=2.0), message="Created.")
    instance.add_dynamic_partitions("training_jobs", [job.id])

    def told(progress: float) -> list[float]:
        now = store.update(job.id, {"progress_percent": progress})
        assert now is not None
        found = observations(instance, store, [now])
        return [float(observation.metadata[PROGRESS].value) for observation in found]  # type: ignore[arg-type]

    assert told(4.0) == []
    assert told(12.0) == [12.0]
    assert told(13.0) == [13.0]  # the tick died before its events were stored: it is told again
    instance.report_runless_asset_event(dg.AssetObservation(ASSET, partition=job.id, metadata={PROGRESS: 13.0}))
    assert told(14.0) == []  # after any restart: Dagster's log has it
    assert store.get(job.id).polling.reported_progress == 13.0
    assert told(51.0) == [51.0]  # an epoch is over
    instance.report_runless_asset_event(dg.AssetObservation(ASSET, partition=job.id, metadata={PROGRESS: 51.0}))
    assert told(30.0) == []  # thrown back to a checkpoint
    assert told(52.0) == []


def test_a_job_that_is_over_is_told_of_by_its_finish_run(services: Services, instance: dg.DagsterInstance) -> None:
    job = services.store.create(new_job(status=JobStatus.SUCCEEDED, progress_percent=100.0), message="Created.")
    assert observations(instance, services.store, [job]) == []
