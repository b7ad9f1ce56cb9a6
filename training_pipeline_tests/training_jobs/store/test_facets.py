from __future__ import annotations

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs import new_job
from training_pipeline.training_jobs.store.facets import facets
from training_pipeline.training_jobs.store.jobs import JobStore


def test_the_values_in_use(store: JobStore) -> None:
    assert set(facets(store).statuses) == set(JobStatus)
    for sheet, who in (("s2", "grace"), ("s1", "ada"), ("s2", "ada")):
        store.create(new_job(training_sheet_id=sheet, created_by=who), message="Created.")
    found = facets(store)
    assert (found.training_sheet_ids, found.creators) == (("s1", "s2"), ("ada", "grace"))
    assert {status: count for status, count in found.statuses.items() if count} == {JobStatus.PENDING: 3}
