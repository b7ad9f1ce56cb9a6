from __future__ import annotations

import pandas as pd

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import SERIES, add_points, series


def test_points_of_a_step_share_its_row(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    first = [point("train_loss", 1, 6.0), point("learning_rate", 1, 1e-3), point("train_loss", 2, 5.0)]
    assert add_points(store, job, first, 3)
    assert add_points(store, store.get(job.id), [point("val_loss", 2, 5.5)], 4)
    frame = series(store, job.id)
    assert frame["step"].tolist() == [1, 2]
    assert frame["train_loss"].tolist() == [6.0, 5.0]
    assert frame["val_loss"].isna().tolist() == [True, False]
    now = store.get(job.id)
    assert (now.polling.metrics_offset, now.progress.train_loss, now.progress.val_loss) == (4, 5.0, 5.5)


def test_an_offset_that_has_moved_on_writes_nothing(store: JobStore) -> None:
    seen = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    assert add_points(store, seen, [point("train_loss", 1, 6.0)], 1)
    assert not add_points(store, seen, [point("train_loss", 2, 5.0)], 2)
    assert series(store, seen.id)["step"].tolist() == [1]


def test_a_job_without_points_has_an_empty_series_of_the_same_columns(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    frame = series(store, job.id)
    assert frame.empty
    assert list(frame.columns) == ["step", *SERIES, "epoch", "tokens"]
    assert isinstance(frame["tokens"].dtype, pd.Int64Dtype)
