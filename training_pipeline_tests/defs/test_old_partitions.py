from __future__ import annotations

from pathlib import Path

import dagster as dg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.app.container import Services
from training_pipeline.defs.archive import read_archive
from training_pipeline.defs.old_partitions import archive_old_partitions, archived, surplus
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.soak import examples
from training_pipeline.testing.system.installation import with_parts
from training_pipeline.training_jobs.store.jobs import JobStore

KEYS = training_job_partitions.name or ""
UNDER_WAY = {"status": JobStatus.RUNNING}
ENDED = {"status": JobStatus.CANCELLED}
#: It ended for people, and the backend's result is still to be taken over.
UNFINISHED = {"status": JobStatus.FAILED, "backend_status": JobStatus.SUCCEEDED}


def stored(store: JobStore, lives: list[dict[str, JobStatus]]) -> list[str]:
    return [store.create(new_job(**life), message="Created.").id for life in lives]


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([UNDER_WAY, ENDED, UNFINISHED]), max_size=8), st.integers(1, 6))
def test_only_the_oldest_at_rest_leave_the_list_and_no_more_than_are_too_many(
    services: Services, lives: list[dict[str, JobStatus]], kept: int
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        jobs = stored(services.store, lives)
        instance.add_dynamic_partitions(KEYS, jobs)
        old = [job for job, life in list(zip(jobs, lives, strict=True))[: max(0, len(jobs) - kept)] if life is ENDED]
        assert surplus(services.store, instance, kept) == old


def test_a_tick_archives_old_jobs_and_deletes_their_partitions(
    services: Services, instance: dg.DagsterInstance
) -> None:
    few = with_parts(services, settings=services.settings.model_copy(update={"dagster_partitions_kept": 2}))
    old, under_way, *new = stored(services.store, [ENDED, UNDER_WAY, ENDED, ENDED])
    instance.add_dynamic_partitions(KEYS, [old, under_way, *new])

    def tick() -> tuple[list[str], object]:
        with dg.build_sensor_context(instance=instance, resources={"services": few}) as context:
            found = archive_old_partitions(context)
        assert isinstance(found, dg.SensorResult)
        gone = [key for request in found.dynamic_partitions_requests or () for key in request.partition_keys]
        for key in gone:
            instance.delete_dynamic_partition(KEYS, key)
        return gone, found.skip_reason and found.skip_reason.skip_message

    assert tick() == ([old], "More than 2 partitions: 1; archived and deleted: 1.")
    assert read_archive(few.settings.state_dir / "archive" / old) is not None
    assert tick() == ([], "No more than 2 partitions, or the older ones are in use.")
    assert few.store.get(old).status is JobStatus.CANCELLED


def test_a_job_that_cannot_be_archived_keeps_its_partition(
    services: Services, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    jobs = stored(services.store, [ENDED])
    assert archived(services.store, instance, jobs, root=tmp_path / "file" / "archive") == []
