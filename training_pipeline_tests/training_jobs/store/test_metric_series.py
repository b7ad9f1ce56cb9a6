from __future__ import annotations

import math
from uuid import uuid4

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.domain.smoothing import smoothed
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metric_series import best_losses, evaluations, metric_series
from training_pipeline.training_jobs.store.metrics import SERIES, add_points

VALUES = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.5])
POINTS = st.dictionaries(st.tuples(st.sampled_from(SERIES[:3]), st.integers(0, 60)), VALUES, max_size=60)


def stored(store: JobStore, points: dict[tuple[str, int], float]) -> str:
    job = store.create(new_job(id=f"tj-{uuid4()}"), message="Created.")
    add_points(store, job, [point(name, step, value) for (name, step), value in points.items()], 1)
    return job.id


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(POINTS, st.integers(0, 60), st.integers(0, 60), st.integers(2, 20))
def test_no_extreme_of_any_series_is_lost(
    store: JobStore, points: dict[tuple[str, int], float], start: int, end: int, resolution: int
) -> None:
    job_id = stored(store, points)
    everything = metric_series(store, job_id, from_step=start, to_step=end, resolution=10_000)
    steps = sorted({step for _, step in points if start <= step <= end})
    assert [row["step"] for row in everything.rows] == steps
    assert (everything.total, everything.sampled) == (len(steps), False)

    found = metric_series(store, job_id, from_step=start, to_step=end, resolution=resolution)
    assert found.total == len(steps)
    kept = {row["step"]: row for row in found.rows}
    assert all(row in everything.rows for row in found.rows)
    assert len(kept) <= max(resolution, 3 * resolution)
    if not steps or len(steps) <= resolution:
        assert found.rows == everything.rows
        return
    frame = pd.DataFrame(everything.rows).set_index("step")
    shown = pd.DataFrame(found.rows).set_index("step")
    for name in SERIES[:3]:
        column = frame[name].dropna()
        if len(column):
            assert shown[name].min() == column.min()
            assert shown[name].max() == column.max()


def test_a_spike_among_many_steps_is_kept_and_a_constant_series_is_thinned(store: JobStore) -> None:
    points = {("train_loss", step): 1.0 + (step == 1234) * 50 for step in range(3_000)}
    points |= {("learning_rate", step): 0.001 for step in range(3_000)}
    job_id = stored(store, points)
    found = metric_series(store, job_id, resolution=100)
    assert found.sampled
    assert len(found.rows) <= 200
    assert max(row["train_loss"] for row in found.rows) == 51.0
    assert found.latest["learning_rate"] == 0.001
    assert found.latest["tokens"] == 2_999_000


def test_a_job_without_points(store: JobStore) -> None:
    job_id = stored(store, {})
    found = metric_series(store, job_id, resolution=10)
    assert (found.rows, found.total, set(found.latest.values())) == ([], 0, {None})


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(POINTS, st.integers(0, 60), st.integers(0, 60), st.integers(2, 20), st.sampled_from([0.5, 0.9]))
def test_a_smoothed_series_knows_what_was_before_the_stretch(
    store: JobStore, points: dict[tuple[str, int], float], start: int, end: int, resolution: int, weight: float
) -> None:
    job_id = stored(store, points)
    found = metric_series(store, job_id, from_step=start, to_step=end, resolution=resolution, smoothing=weight)
    shown = {row["step"]: row for row in found.rows}
    assert found.total == len({step for _, step in points if start <= step <= end})
    for name in SERIES[:3]:
        measured = sorted((step, value) for (of, step), value in points.items() if of == name)
        whole = dict(zip([s for s, _ in measured], smoothed([v for _, v in measured], weight), strict=True))
        inside = [step for step in whole if start <= step <= end]
        kept = [step for step, row in shown.items() if row[name] is not None]
        assert [shown[step][name] for step in kept] == [whole[step] for step in kept]
        assert set(inside[-1:]) <= set(kept)
        assert len(kept) >= min(len(inside), resolution)


def test_the_best_validation_loss_is_the_first_of_the_lowest(store: JobStore) -> None:
    job_id = stored(store, {("val_loss", 1): 2.0, ("val_loss", 2): 1.0, ("val_loss", 3): 1.0, ("train_loss", 4): 0.0})
    assert metric_series(store, job_id, from_step=3, resolution=10).best == (2, 1.0)
    assert metric_series(store, stored(store, {}), resolution=10).best is None


def test_the_best_loss_of_each_job(store: JobStore) -> None:
    first = stored(store, {("val_loss", 1): 0.5, ("val_loss", 2): 0.3, ("val_loss", 3): 0.4, ("train_loss", 4): 0.1})
    second = stored(store, {("val_loss", 7): 0.9})
    none = stored(store, {("train_loss", 1): 0.2})
    other = stored(store, {("val_loss", 1): 0.01})
    assert best_losses(store, [first, second, none, "tj-unknown"]) == {first: 0.3, second: 0.9}
    assert best_losses(store, []) == {}
    assert best_losses(store, [other]) == {other: 0.01}


def test_an_evaluation_whose_loss_was_no_number_is_still_one(store: JobStore) -> None:
    """The point `val_loss_not_finite` stores no loss; the accuracy beside it does."""
    measured = {("val_loss", 0): 3.0, ("val_accuracy", 0): 0.1, ("train_loss", 5): 2.0, ("val_loss", 20): 1.0}
    job_id = stored(store, {**measured, ("val_loss_not_finite", 10): 1.0, ("val_accuracy", 10): 0.2})
    assert [row["step"] for row in evaluations(store, job_id)] == [0, 10, 20]
    before, broken, last = (row["val_loss"] for row in evaluations(store, job_id))
    assert (before, last) == (3.0, 1.0)
    assert math.isnan(broken)
