"""What the machine did while a job trained: one row a sample, taken ever more rarely, so that there are never many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Double, ForeignKey, Integer, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.backends.metric_point import SYSTEM, MetricPoint
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import metadata

#: What a sample may hold: memory and disk in MB, processors and GPU in percent of all there is.
SAMPLED: Final = (
    "cpu_percent",
    "training_cpu_percent",
    "memory_available_mb",
    "training_memory_mb",
    "gpu_percent",
    "gpu_memory_available_mb",
    "training_gpu_memory_mb",
    "disk_available_mb",
    "training_disk_mb",
)

training_job_samples: Final = Table(
    "training_job_samples",
    metadata,
    Column("job_id", Text, ForeignKey("training_jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    *(Column(name, Double) for name in SAMPLED),
    Column("measured_at", DateTime(timezone=True), nullable=False),
)


def add_to_sample(samples: dict[tuple[str, int], dict[str, Any]], job_id: str, point: MetricPoint) -> None:
    """Put a point with a name of `SYSTEM` into its sample, by job and number; one that nobody knows is left out."""
    name = point.name.removeprefix(SYSTEM)
    if name in SAMPLED:
        blank = {"job_id": job_id, "number": point.step, **dict.fromkeys(SAMPLED)}
        sample = samples.setdefault((job_id, point.step), blank)
        sample |= {name: point.value, "measured_at": datetime.fromtimestamp(point.time, UTC)}


def write_samples(connection: Connection, samples: Mapping[tuple[str, int], dict[str, Any]]) -> None:
    """Store samples within the caller's transaction, in one statement; what comes later of one is added. Idempotent."""
    statement = insert(training_job_samples)
    table, new = training_job_samples.c, statement.excluded
    merged = {name: func.coalesce(new[name], table[name]) for name in SAMPLED}
    merge = statement.on_conflict_do_update(
        index_elements=["job_id", "number"], set_={**merged, "measured_at": new.measured_at}
    )
    connection.execute(merge, [samples[key] for key in sorted(samples)])


def machine_samples(store: JobStore, job_id: str) -> list[dict[str, Any]]:
    """All samples of a job, in order: `measured_at`, and those of `SAMPLED`, None where not measured. Reads."""
    table = training_job_samples.c
    columns = [table.measured_at, *(table[name] for name in SAMPLED)]
    with store.begin() as connection:
        found = connection.execute(select(*columns).where(table.job_id == job_id).order_by(table.number))
        return [dict(row) for row in found.mappings()]


def extremes(samples: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """All samples where they are at most `most`; else those with the lowest and highest value of each figure, in half
    as many shares of them.
    """
    if len(samples) <= most:
        return [*samples]
    shares = max(1, most // 2)
    kept: set[int] = set()
    for share in range(shares):
        places = range(len(samples) * share // shares, len(samples) * (share + 1) // shares)
        for name in SAMPLED:
            values = [(samples[place][name], place) for place in places if samples[place][name] is not None]
            kept |= {min(values)[1], max(values)[1]} if values else set()
    return [samples[place] for place in sorted(kept)]
