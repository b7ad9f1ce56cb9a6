from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from training_pipeline.databricks.volume_folders import Content, Folder, Kind, VolumeFolders
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.retention import (
    KnownEvaluation,
    KnownJob,
    Retention,
    kept_for,
    needed_for,
)
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DATASET, RUN, _ = (Folder(kind, "n", f"/{kind}/n") for kind in Kind)
OLD = datetime.now(UTC) - timedelta(days=60)

known = st.builds(
    KnownJob,
    id=st.just("tj"),
    status=st.sampled_from(JobStatus),
    completed_at=st.none() | st.datetimes(timezones=st.just(UTC), min_value=datetime(2026, 1, 1)),
    waits=st.booleans(),
    has_version=st.booleans(),
)


@given(st.sampled_from([DATASET, RUN]), st.lists(known, max_size=4), st.integers(1, 200))
def test_only_what_every_job_is_long_done_with_may_go(folder: Folder, jobs: list[KnownJob], days: int) -> None:
    limit = NOW - timedelta(days=days)
    free = bool(jobs) and all(
        job.status in TERMINAL and not job.waits and job.completed_at is not None and job.completed_at <= limit
        for job in jobs
    )
    if folder.kind is Kind.DATASET:
        free = free and not any(job.status is JobStatus.SUCCEEDED or job.has_version for job in jobs)
    assert (needed_for(folder, jobs, older_than=limit) is None) is free


def test_a_folder_with_a_model_or_written_lately_stays() -> None:
    old = NOW - timedelta(days=90)
    assert kept_for(RUN, Content(1, old, has_model=True), older_than=NOW) == "the model lies in it"
    assert kept_for(RUN, Content(1, NOW, has_model=False), older_than=old) == "it was written too lately"
    assert kept_for(RUN, Content(1, old, has_model=False), older_than=NOW) is None


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        served.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        yield served


def put(workspace: Workspace, path: str, *, lately: bool = False) -> None:
    file = workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/{path}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("text")
    if not lately:
        os.utime(file, (OLD.timestamp(), OLD.timestamp()))


def job(store: JobStore, **values: Any) -> str:
    made = store.create(new_job(), message="Created.")
    with store.begin() as connection:
        connection.execute(
            update(training_jobs).where(training_jobs.c.id == made.id).values({"completed_at": OLD, **values})
        )
    return made.id


def test_what_nobody_needs_is_removed_and_nothing_else(store: JobStore, workspace: Workspace) -> None:
    failed = job(store, status="failed", dataset_digest="d-failed")
    succeeded = job(store, status="succeeded", dataset_digest="d-used")
    job(store, status="failed", dataset_digest="d-used")
    running = job(store, status="running", dataset_digest="d-running")
    for digest in ("d-failed", "d-used", "d-running", "d-unknown"):
        put(workspace, f"datasets/{digest}/train.jsonl")
    for run in (f"{failed}-1", f"{succeeded}-1", f"{running}-1", "tj-other-1", "odd"):
        put(workspace, f"runs/{run}/result.json")
        put(workspace, f"runs/{run}/deep/er/samples.jsonl")
    put(workspace, f"runs/{succeeded}-2/model/config.json")
    put(workspace, f"runs/{failed}-2/result.json", lately=True)
    folders = VolumeFolders(connection_to(workspace), VOLUME)
    retention = Retention(store, folders, days=30)
    looked = {verdict.folder.name: verdict for verdict in retention.verdicts(remove=False)}
    gone = {"d-failed", f"{failed}-1", f"{succeeded}-1"}
    assert {name for name, verdict in looked.items() if verdict.removed} == gone
    assert len(folders.folders()) == len(looked) == 11, "it was only looked"
    assert looked["d-used"].why == f"the model of job {succeeded} was trained on it"
    assert looked[f"{failed}-1"].size == 8
    assert looked["d-unknown"].why == looked["odd"].why == "no job of this installation knows it"
    first = retention.round(remove=True, most=1)
    assert [verdict.removed for verdict in first.verdicts].count(True) == 1
    seen = [verdict.folder.name for verdict in first.verdicts]
    after, rounds = first.after, 0
    while after:
        found = retention.round(remove=True, after=after, seconds=0.0)
        seen += [verdict.folder.name for verdict in found.verdicts]
        after, rounds = found.after, rounds + 1
    assert sorted(seen) == sorted(looked), "each was looked at once"
    assert rounds == len(looked) - len(first.verdicts)
    assert {folder.name for folder in folders.folders()} == looked.keys() - gone
    assert not any(verdict.removed for verdict in retention.verdicts(remove=True))


def test_what_an_evaluation_left_is_needed_until_it_is_over(store: JobStore, workspace: Workspace) -> None:
    lately = datetime.now(UTC) - timedelta(days=2)
    ends = {"ev-old": OLD, "ev-new": lately, "ev-on": None}
    for name in (*ends, "ev-other"):
        put(workspace, f"evaluations/{name}/scores/tuned.parquet")
        put(workspace, f"evaluations/{name}/result.json")

    def known(name: str) -> KnownEvaluation | None:
        return KnownEvaluation(name, ends[name]) if name in ends else None

    folders = VolumeFolders(connection_to(workspace), VOLUME)
    looked = Retention(store, folders, days=30, evaluation=known).verdicts(remove=True)
    assert {verdict.folder.name: (verdict.removed, verdict.why) for verdict in looked} == {
        "ev-old": (True, "not needed for 30 days"),
        "ev-new": (False, "evaluation ev-new ended too lately"),
        "ev-on": (False, "evaluation ev-on is not over"),
        "ev-other": (False, "no evaluation of this installation knows it"),
    }
    assert [folder.name for folder in folders.folders()] == ["ev-new", "ev-on", "ev-other"]
    (kept, *_) = Retention(store, folders, days=1).verdicts(remove=True)
    assert not kept.removed, "nobody says that it is known"


def test_a_folder_that_cannot_be_removed_keeps_no_other_from_it(store: JobStore, workspace: Workspace) -> None:
    for digest in ("d-1", "d-2"):
        job(store, status="failed", dataset_digest=digest)
        put(workspace, f"datasets/{digest}/train.jsonl")
        (workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/datasets/{digest}") / ".hidden").touch()
    retention = Retention(store, VolumeFolders(connection_to(workspace), VOLUME), days=30)
    (workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/datasets/d-2") / ".hidden").unlink()
    stuck, gone = retention.verdicts(remove=True)
    assert (stuck.removed, "cannot be removed" in stuck.why, gone.removed) == (False, True, True)


@pytest.mark.parametrize("denied", ["content", "remove"])
def test_a_folder_that_we_may_not_touch_keeps_no_other_from_it(
    store: JobStore, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    volume = VolumeFolders(connection_to(workspace), VOLUME)
    retention, errors = Retention(store, volume, days=30), [BackendDenied("No READ VOLUME."), BackendFailed("Odd.")]
    asked = getattr(volume, denied)

    def ask(folder: Folder) -> Any:
        if folder.name in {"d-1", "d-2"}:
            raise errors[int(folder.name[-1]) - 1]
        return asked(folder)

    monkeypatch.setattr(volume, denied, ask)
    for digest in ("d-1", "d-2", "d-3"):
        job(store, status="failed", dataset_digest=digest)
        put(workspace, f"datasets/{digest}/train.jsonl")
    done = {"content": "looked at", "remove": "removed"}[denied]
    assert [(one.removed, one.hindered, one.why) for one in retention.verdicts(remove=True)] == [
        (False, True, f"it cannot be {done}: No READ VOLUME."),
        (False, True, f"it cannot be {done}: Odd."),
        (True, False, "not needed for 30 days"),
    ]
    errors[0] = BackendUnreachable("No answer.")
    with pytest.raises(BackendUnreachable):
        retention.verdicts(remove=True)


def test_a_volume_without_anything_of_ours_is_empty(store: JobStore, workspace: Workspace) -> None:
    assert Retention(store, VolumeFolders(connection_to(workspace), VOLUME), days=1).verdicts(remove=True) == []
