from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.machine_samples import SAMPLED, extremes, machine_samples
from training_pipeline.training_jobs.store.metrics import add_points, series

SAMPLES = st.lists(
    st.fixed_dictionaries(dict.fromkeys(SAMPLED[:3], st.none() | st.floats(0, 100))).map(
        lambda found: {**dict.fromkeys(SAMPLED), **found}
    ),
    max_size=60,
)


def test_points_of_the_machine_become_samples_and_no_steps(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    points = [
        point("system/cpu_percent", 0, 50.0),
        point("train_loss", 1, 2.0),
        point("system/disk_available_mb", 0, 9.0),
    ]
    points += [point("system/cpu_percent", 1, 60.0), point("system/of_another_release", 1, 1.0)]
    assert add_points(store, job, points, 5)
    again = [point("system/cpu_percent", 1, 60.0), point("system/training_memory_mb", 1, 700.0)]
    assert add_points(store, store.get(job.id), again, 7)
    first, second = machine_samples(store, job.id)
    assert (first["cpu_percent"], first["disk_available_mb"], first["gpu_percent"]) == (50.0, 9.0, None)
    assert (second["cpu_percent"], second["training_memory_mb"]) == (60.0, 700.0)
    assert second["measured_at"] == datetime.fromtimestamp(1_790_000_001, UTC)
    assert series(store, job.id)["step"].tolist() == [1]


@given(SAMPLES, st.integers(2, 20))
def test_no_extreme_of_any_figure_is_lost(samples: list[dict[str, Any]], most: int) -> None:
    kept = extremes(samples, most)
    if len(samples) <= most:
        assert kept == samples
        return
    assert len(kept) <= 2 * 3 * max(1, most // 2)
    places = [next(place for place, sample in enumerate(samples) if sample is each) for each in kept]
    assert places == sorted(places)
    for name in SAMPLED:
        values = [sample[name] for sample in samples if sample[name] is not None]
        shown = [sample[name] for sample in kept if sample[name] is not None]
        assert (not values and not shown) or (min(values), max(values)) == (min(shown), max(shown))
