"""Archives a training job as files, for instance before its Dagster runs and their events are deleted.

What is written holds identifiers, versions, counts, verdicts and hashes, and no text of a pair.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python

from training_pipeline.defs.assets import FINISHED, LAUNCHED
from training_pipeline.defs.graph import EXTERNAL
from training_pipeline.defs.partitions import JOB_TAG
from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.job import TERMINAL
from training_pipeline.infra.files import new_private_file
from training_pipeline.infra.staging import disk_errors, publish, staging
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import row_of

HEAD: Final = "archive.json"
_BATCH: Final = 1000


class Archive(BaseModel):
    """A written archive: its path, and the number of records of each kind."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    path: Path
    runs: tuple[str, ...]
    #: File -> how many lines it has, and the SHA-256 (hex) of its bytes.
    lines: dict[str, int]
    sha256: dict[str, str]


def archive(store: JobStore, instance: dg.DagsterInstance, job_id: str, *, root: Path) -> Archive:
    """Write the job, its events, its lineage record and all of Dagster's events about it to `root/<job id>/`.

    Dagster's events are those of its runs and those of its partition that no run wrote. Reads only, but for the files.
    An older archive of the job is replaced, unless it holds runs that Dagster has no more: raises `Conflict` then, and
    for a job that is not over, and `NotFound`.
    """
    job = store.get(job_id)
    if job.status not in TERMINAL:
        raise Conflict(f"Training job {job_id} is {job.status}: only finished jobs can be archived.")
    runs = instance.get_runs(dg.RunsFilter(tags={JOB_TAG: job_id}))
    target = root / job_id
    _require_no_loss(target, {run.run_id for run in runs})
    files: dict[str, Iterable[Any]] = {
        "training_job.jsonl": [to_jsonable_python(row_of(job))],
        "training_job_events.jsonl": (
            _plain(event) for event in store.events(job_id, limit=None, newest_first=False)[0]
        ),
        "lineage.jsonl": _lineage(store, job_id),
        "dagster_runs.jsonl": (_run(run) for run in runs),
        "dagster_events.jsonl": (event for run in runs for event in _events(instance, run.run_id)),
        "dagster_runless_events.jsonl": _runless(instance, job_id),
    }
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with disk_errors(f"write an archive in {root}"), staging(root) as staged:
        lines, digests = {}, {}
        for name, rows in files.items():
            lines[name], digests[name] = _write(staged / name, rows)
        written = Archive(
            job_id=job_id, path=target, runs=tuple(run.run_id for run in runs), lines=lines, sha256=digests
        )
        with os.fdopen(new_private_file(staged / HEAD), "wb") as file:
            file.write(written.model_dump_json(indent=1, exclude={"path"}).encode())
        publish(staged, target, is_whole=lambda _: False)
    return written


def read_archive(path: Path) -> Archive | None:
    """The archive in `path`, None where there is none. Reads only."""
    try:
        return Archive.model_validate({**json.loads((path / HEAD).read_text()), "path": path})
    except FileNotFoundError:
        return None


def _require_no_loss(path: Path, runs: set[str]) -> None:
    older = read_archive(path)
    gone = sorted(set(older.runs) - runs) if older is not None else []
    if gone:
        raise Conflict(
            f"{path} holds events of runs that Dagster has deleted ({', '.join(gone)}); it was not replaced.",
            hint="Keep it: it is the only copy of them. Choose another directory to write a new archive.",
        )


def _write(path: Path, rows: Iterable[Any]) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    with os.fdopen(new_private_file(path), "wb") as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str).encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
    return count, digest.hexdigest()


def _plain(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__slots__}


def _lineage(store: JobStore, job_id: str) -> Iterator[dict[str, Any]]:
    try:
        yield lineage.read(store, job_id).model_dump(mode="json")
    except NotFound:  # it was never handed to a backend
        return


def _run(run: dg.DagsterRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "job_name": run.job_name,
        "status": run.status.value,
        "tags": dict(run.tags),
        "parent_run_id": run.parent_run_id,
    }


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[Any]:
    """The log of a run, each entry as Dagster itself serializes it, with its storage id."""
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, limit=_BATCH)
        for record in page.records:
            yield {"storage_id": record.storage_id, "event": json.loads(dg.serialize_value(record.event_log_entry))}
        cursor = page.cursor
        if not page.has_more:
            return


def _runless(instance: dg.DagsterInstance, job_id: str) -> Iterator[Any]:
    """Materializations and observations of the job's partition that no run wrote."""
    for name in (*EXTERNAL, *LAUNCHED, *FINISHED):
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[job_id])
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            cursor: str | None = None
            while True:
                page = fetch(wanted, limit=_BATCH, cursor=cursor, ascending=True)
                for record in page.records:
                    if not record.run_id:
                        entry = json.loads(dg.serialize_value(record.event_log_entry))
                        yield {"storage_id": record.storage_id, "event": entry}
                cursor = page.cursor
                if not page.has_more:
                    break
