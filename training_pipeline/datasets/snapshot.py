"""A snapshot: the verdicts on a training sheet's pairs at one moment, without their text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import ibis.expr.schema as sch
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.keyed import PADS, keyed_by, pads_of
from training_pipeline.datasets.rows_file import write_rows
from training_pipeline.datasets.summary import summarise
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import GateRefused
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA, RowsDigest
from training_pipeline.domain.refs import PAIRS, SnapshotRef
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, TrainingSheet
from training_pipeline.infra.files import new_private_file
from training_pipeline.infra.staging import disk_errors, publish, staging
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Plan, Planner

_HEAD: Final = "snapshot.json"
_ROWS: Final = 100_000


def require_trainable(sheet: TrainingSheet) -> None:
    """Raise `GateRefused` unless the training sheet's own status lets it be trained on."""
    if sheet.status not in TRAINABLE_SHEETS:
        allowed = " or ".join(f"`{status}`" for status in sorted(TRAINABLE_SHEETS))
        raise GateRefused(
            f"Training sheet {sheet.id!r} has status `{sheet.status}` and cannot be trained on; it must be {allowed}.",
            hint="Finish its review and approve the training sheet.",
        )


def snapshot(
    opened: OpenSheet,
    policy: GatePolicy,
    *,
    directory: Path,
    withdrawn: Withdrawn = NOTHING,
    key: HashKey | None = None,
) -> SnapshotRef:
    """Judge all pairs and store the verdicts in `directory/<digest>/`. Idempotent; stores no text.

    What is `withdrawn` is left out, whatever the sheet says. Hashes are stored under the `key`, which is the sheet's.

    Raises `GateRefused` for a sheet that may not be trained on, `Unavailable` where the disk is full.
    """
    require_trainable(opened.sheet)
    with (
        disk_errors(f"write a snapshot in {directory}"),
        staging(directory) as staged,
        verdicts(opened, policy, withdrawn=withdrawn) as table,
    ):
        summary = summarise(table, policy)
        plan = rows_plan(table.schema(), is_keyed=key is not None, is_unique=not summary.excluded[Reason.INVALID])
        with DuckDB().batches(plan, table, rows=_ROWS, **pads_of(key)) as rows:
            digest = write_rows(staged / PAIRS, SNAPSHOT_SCHEMA, rows)
        taken = SnapshotRef(
            digest=_digest(opened.sheet.id, policy, digest),
            path=directory,
            sheet_id=opened.sheet.id,
            sheet_digest=opened.digest,
            policy=policy,
            summary=summary,
            hash_key=None if key is None else key.id,
        )
        taken = taken.model_copy(update={"path": directory / taken.digest})
        with os.fdopen(new_private_file(staged / _HEAD), "wb") as file:
            file.write(taken.model_dump_json(indent=1, exclude={"path"}).encode())
        publish(staged, taken.path, is_whole=_is_whole)
    return taken


@lru_cache(maxsize=8)
@kept
def rows_plan(verdicts: sch.Schema, *, is_keyed: bool, is_unique: bool) -> Plan:
    """The rows of a snapshot in their order, of a table of verdicts."""
    planner = Planner(DUCKDB_SQL, verdicts)
    rows = planner.pairs.select(*SNAPSHOT_SCHEMA.names)
    keyed = keyed_by(rows, planner.beside("pads", PADS) if is_keyed else None)
    # Pair ids are unique but for invalid pairs: only where there are any, the order needs the other columns.
    return planner.plan(keyed.order_by(["pair_id"] if is_unique else SNAPSHOT_SCHEMA.names))


def read_snapshot(path: Path) -> SnapshotRef:
    """The snapshot stored in `path`. Reads only."""
    return SnapshotRef.model_validate({**_head(path), "path": path})


def snapshot_rows(taken: SnapshotRef, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """All rows in the order of the pair ids, batch by batch. Reads only."""
    with pq.ParquetFile(taken.pairs_file) as file:
        yield from file.iter_batches(batch_size=_ROWS, columns=columns)


def included_rows(taken: SnapshotRef, columns: list[str]) -> pa.Table:
    """The included pairs in the order of the pair ids. Reads only."""
    schema = pa.schema([SNAPSHOT_SCHEMA.field(name) for name in columns])
    batches = (
        batch.filter(pc.is_null(batch.column("reason"))).select(columns)
        for batch in snapshot_rows(taken, [*columns, "reason"])
    )
    return pa.Table.from_batches(batches, schema)


def _head(path: Path) -> dict[str, object]:
    head: dict[str, object] = json.loads((path / _HEAD).read_text(encoding="utf-8"))
    return head


def _digest(sheet_id: str, policy: GatePolicy, rows: RowsDigest) -> str:
    return hashlib.sha256(f"{sheet_id}\n{policy.model_dump_json()}\n{rows.hexdigest()}\n".encode()).hexdigest()


def _is_whole(path: Path) -> bool:
    try:
        stored = read_snapshot(path)
        digest = RowsDigest(SNAPSHOT_SCHEMA)
        for batch in snapshot_rows(stored, SNAPSHOT_SCHEMA.names):
            digest.update(batch)
    except (OSError, ValueError):
        return False
    return path.name == _digest(stored.sheet_id, stored.policy, digest)
