"""The chain of base models, against a plain walk over families of models that a test makes up."""

from __future__ import annotations

from pathlib import Path

import hypothesis
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.models.versions.chain import ancestors, descendants
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


def origin(job_id: str, version: str | None = "1") -> ModelOrigin:
    return ModelOrigin(job_id=job_id, model_name="triage", model_version=version, base_model="builtin:tiny")


@hypothesis.settings(max_examples=examples(10), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(parents=st.lists(st.integers(-1, 5), min_size=1, max_size=7), unregistered=st.sets(st.integers(0, 6)))
def test_up_and_down_in_any_family(parents: list[int], unregistered: set[int], store: JobStore, tmp_path: Path) -> None:
    """The model at a place comes from the one at `parents[place]`, or from none where that comes later."""
    with store.begin() as connection:
        connection.execute(text("TRUNCATE training_job_lineage, training_job_events, training_jobs CASCADE"))
    dataset = dataset_of(tmp_path, "s", [row("a", "train"), row("b", "validation")])
    ids: list[str] = []
    up: list[list[int]] = []
    for place, parent in enumerate(parents):
        line = [parent, *up[parent]] if 0 <= parent < place else []
        base = BaseModelRecord(reference="base", ancestors=tuple(origin(ids[one]) for one in line))
        version = None if place in unregistered else str(place)
        ids.append(job_with(store, None, "s", dataset, base_model=base, version=version).id)
        up.append(line)
    for place, job_id in enumerate(ids):
        found = ancestors(store, lineage.read(store, job_id))
        assert found is not None
        assert [one.job_id for one in found] == [ids[one] for one in up[place]]
        assert [one.version for one in found] == [None if one in unregistered else str(one) for one in up[place]]
        below = {one.job_id: one.through for one in descendants(store, job_id)}
        expected = {
            ids[other]: tuple(reversed([ids[one] for one in line[: line.index(place) + 1]]))
            for other, line in enumerate(up)
            if place in line
        }
        assert below == expected


def test_what_the_record_says_stands_where_nothing_else_is_known(store: JobStore, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "s", [row("a", "train"), row("b", "validation")])
    parent = job_with(store, None, "s", dataset, version="4")  # of before base models were recorded
    base = BaseModelRecord(reference="base", ancestors=(origin(parent.id, None), origin("tj-gone", "3")))
    child = job_with(store, None, "s", dataset, base_model=base, version="5")
    found = ancestors(store, lineage.read(store, child.id))
    assert found is not None
    assert [(one.job_id, one.version, one.base_recorded) for one in found] == [
        (parent.id, "4", False),
        ("tj-gone", "3", True),
    ]
    assert ancestors(store, lineage.read(store, parent.id)) is None
    unknown = BaseModelRecord(reference="base")
    assert ancestors(store, lineage.read(store, job_with(store, None, "s", dataset, base_model=unknown).id)) is None


def test_a_circle_ends(store: JobStore, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "s", [row("a", "train"), row("b", "validation")])
    one, two = (job_with(store, None, "s", dataset, version=version) for version in "12")
    for job, other in ((one, two), (two, one)):
        lineage.set_base_model(store, job.id, BaseModelRecord(reference="base", ancestors=(origin(other.id),)))
    assert [each.job_id for each in descendants(store, one.id)] == [two.id]
    found = ancestors(store, lineage.read(store, one.id))
    assert found is not None
    assert {each.job_id for each in found} <= {one.id, two.id}
