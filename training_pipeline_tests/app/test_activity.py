from __future__ import annotations

import pytest

from training_pipeline.app.activity import is_active
from training_pipeline.domain.job import ACTIVE, JobStatus
from training_pipeline.domain.study import LIVE_STUDIES, StudyStatus
from training_pipeline.models.evaluation import records as evaluations
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.studies.seen_study import study_of
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records as studies


def test_nothing_is_under_way_at_first(store: JobStore) -> None:
    assert not is_active(store)


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_is_until_it_ends(store: JobStore, status: JobStatus) -> None:
    store.create(new_job(status=status), message="Created.")
    assert is_active(store) == (status in ACTIVE)


@pytest.mark.parametrize("status", EvaluationStatus)
def test_an_evaluation_is_until_it_ends(store: JobStore, status: EvaluationStatus) -> None:
    job = store.create(new_job(status=JobStatus.SUCCEEDED), message="Created.")
    evaluations.add(store, stored_evaluation(job.id, status))
    assert is_active(store) == (status in evaluations.ACTIVE)


@pytest.mark.parametrize("status", StudyStatus)
def test_a_study_is_until_it_ends(store: JobStore, status: StudyStatus) -> None:
    studies.add(store, study_of("s", status=status))
    assert is_active(store) == (status in LIVE_STUDIES)
