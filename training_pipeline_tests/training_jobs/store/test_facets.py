from __future__ import annotations

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.facets import facets
from training_pipeline.training_jobs.store.jobs import JobStore


def test_the_values_in_use(store: JobStore) -> None:
    assert set(facets(store).statuses) == set(JobStatus)
    for sheet, who in (("s2", "grace"), ("s1", "ada"), ("s2", "ada")):
        store.create(new_job(training_sheet_id=sheet, created_by=who), message="Created.")
    found = facets(store)
    assert (found.training_sheet_ids, found.creators) == (("s1", "s2"), ("ada", "grace"))
    assert {status: count for status, count in found.statuses.items() if count} == {JobStatus.PENDING: 3}


def test_each_is_told_of_the_jobs_that_the_other_filters_leave(store: JobStore) -> None:
    for sheet, who in (("s2", "grace"), ("s1", "ada"), ("s2", "ada")):
        store.create(new_job(training_sheet_id=sheet, created_by=who), message="Created.")
    of_grace = facets(store, created_by="grace")
    assert (of_grace.training_sheet_ids, of_grace.creators) == (("s2",), ("ada", "grace"))
    assert of_grace.statuses[JobStatus.PENDING] == 1
    of_s1 = facets(store, training_sheet_id="s1")
    assert (of_s1.training_sheet_ids, of_s1.creators) == (("s1", "s2"), ("ada",))
    failed = facets(store, statuses=[JobStatus.FAILED])
    assert (failed.training_sheet_ids, failed.creators, failed.statuses[JobStatus.PENDING]) == ((), (), 3)
    assert facets(store, search="S1").creators == ("ada",)
