"""Which versions there are, and which is meant by a name that there is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.models.versions import find
from training_pipeline.models.versions.standing import no_standings
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.training_jobs.store.jobs import JobStore

UC = "main.ml.triage"


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetRef:
    return dataset_of(tmp_path, "invoices", [row("a", "train"), row("b", "validation"), row("c", "flagged")])


@pytest.fixture
def jobs(store: JobStore, dataset: DatasetRef) -> dict[str, str]:
    """The ids of jobs by a word of ours; all but one have registered a version."""
    over: dict[str, Any] = {"status": JobStatus.SUCCEEDED}
    return {
        "first": job_with(store, None, "invoices", dataset, version="1", **over).id,
        "second": job_with(store, None, "invoices", dataset, version="2", **over).id,
        "catalog": job_with(store, None, "letters", dataset, version="7", uc_model_name=UC, **over).id,
        "disagreed": job_with(store, None, "letters", dataset, version="8", uc_model_name=UC, status="failed").id,
        "artifact": job_with(store, None, "invoices", dataset, **over).id,
    }


def test_versions_by_every_filter(store: JobStore, jobs: dict[str, str]) -> None:
    def ids(**filters: str | None) -> list[str]:
        return [found.job_id for found in find.registered(store, no_standings, **filters)]

    newest = sorted(jobs.values(), reverse=True)
    newest.remove(jobs["artifact"])
    assert set(ids()) == set(newest)
    assert ids(name=None, sheet=None, alias=None) == ids()
    assert set(ids(name=UC)) == {jobs["catalog"], jobs["disagreed"]}
    assert ids(name="triage", version="2") == [jobs["second"]]
    assert set(ids(sheet="letters")) == {jobs["catalog"], jobs["disagreed"]}
    assert set(ids(sheet="invoices")) == set(newest)  # the source sheet of them all
    assert ids(alias="champion") == ids(name="other") == []
    assert find.names(store) == [UC, "triage"]
    assert find.facets(store) == find.VersionFacets((UC, "triage"), ("invoices", "letters"), ())


def test_the_state_is_that_of_the_job_unless_the_version_is_tainted_or_withdrawn(
    store: JobStore, jobs: dict[str, str]
) -> None:
    tainted = Standing(state=VersionState.TAINTED, reasons=("p lost it.",))
    withdrawn = Standing(state=VersionState.WITHDRAWN, reasons=("too old",))
    found = find.registered(store, lambda ids: {jobs["first"]: tainted, jobs["disagreed"]: withdrawn, "other": tainted})
    assert {one.job_id: (one.state, one.reasons) for one in found} == {
        jobs["first"]: (VersionState.TAINTED, ("p lost it.",)),
        jobs["second"]: (VersionState.REGISTERED, ()),
        jobs["catalog"]: (VersionState.REGISTERED, ()),
        jobs["disagreed"]: (VersionState.WITHDRAWN, ("too old",)),
    }
    assert {one.state for one in find.registered(store, no_standings, version="8")} == {VersionState.UNFINISHED}


def test_a_registry_that_was_made_anew_gives_a_number_again(
    store: JobStore, jobs: dict[str, str], dataset: DatasetRef
) -> None:
    again = job_with(store, None, "invoices", dataset, version="1", status=JobStatus.SUCCEEDED)
    found, older = find.version(store, no_standings, "triage", "1")
    assert (found.job_id, older) == (again.id, [jobs["first"]])
    assert (found.train_pairs, found.validation_pairs, found.aliases) == (1, 1, ())


def test_what_is_unknown_is_said_with_the_nearest(store: JobStore, jobs: dict[str, str]) -> None:
    for name, number, near in (
        ("triag", "1", "triage"),
        ("main.ml.triag", "1", UC),
        ("triage", "10", "2, 1"),
        (UC, "x", "7, 8"),
        ("something else", "1", "models list"),
    ):
        with pytest.raises(NotFound) as caught:
            find.version(store, no_standings, name, number)
        assert near in caught.value.hint
