from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from training_pipeline.domain.job import JobStatus, Phase
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.claims import claim, claimed, release
from training_pipeline.training_jobs.store.jobs import JobStore

NOW = new_job().created_at


def test_each_pending_job_goes_to_one_claimant(store: JobStore) -> None:
    ids = {store.create(new_job(), message="Created.").id for _ in range(12)}
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: claim(store, Phase.LAUNCH, limit=3), range(6)))
    got = [job.id for jobs in results for job in jobs]
    assert sorted(got) == sorted(ids)
    assert all(job.launch.attempt == 1 for jobs in results for job in jobs)
    assert claim(store, Phase.LAUNCH) == []


def test_a_released_claim_is_claimed_again_after_a_pause_as_the_next_attempt(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    claim(store, Phase.LAUNCH)
    assert release(store, Phase.LAUNCH, job.id, 1, why="killed")
    assert claim(store, Phase.LAUNCH) == []
    assert claimed(store, Phase.LAUNCH) == []
    store.update(job.id, {"launch_after": None})
    assert claim(store, Phase.LAUNCH)[0].launch.attempt == 2
    assert "killed" in store.events(job.id)[0][0].message


def test_only_the_attempt_that_holds_a_claim_may_give_it_back(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    assert not release(store, Phase.LAUNCH, job.id, 1, why="never claimed")
    claim(store, Phase.LAUNCH)
    assert not release(store, Phase.LAUNCH, job.id, 2, why="another attempt")
    assert release(store, Phase.LAUNCH, job.id, 1, why="killed")
    assert not release(store, Phase.LAUNCH, job.id, 1, why="twice")


def test_a_job_that_the_backend_has_is_launched_again_only_until_its_assets_stand(store: JobStore) -> None:
    submitted = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    store.create(new_job(status=JobStatus.RUNNING, launched_at=NOW), message="Created.")
    store.create(new_job(status=JobStatus.CANCELLED), message="Created.")
    assert [job.id for job in claim(store, Phase.LAUNCH)] == [submitted.id]


def test_a_finish_waits_for_the_backend_and_for_the_launch(store: JobStore) -> None:
    ready = new_job(status=JobStatus.RUNNING, launched_at=NOW, backend_status=JobStatus.SUCCEEDED)
    failed = new_job(status=JobStatus.FAILED, backend_status=JobStatus.FAILED)
    for job in (
        ready,
        failed,
        new_job(status=JobStatus.RUNNING, launched_at=NOW),
        new_job(status=JobStatus.RUNNING, backend_status=JobStatus.SUCCEEDED),
        new_job(status=JobStatus.CANCELLED, launched_at=NOW, backend_status=JobStatus.CANCELLED),
        new_job(status=JobStatus.SUCCEEDED, launched_at=NOW, backend_status=JobStatus.SUCCEEDED, finalized_at=NOW),
    ):
        store.create(job, message="Created.")
    assert {job.id for job in claim(store, Phase.FINALIZE)} == {ready.id, failed.id}
    assert {job.id for job in claimed(store, Phase.FINALIZE)} == {ready.id, failed.id}
