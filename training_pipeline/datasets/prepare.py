"""From a planned split to a stored dataset: the files a backend trains on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.judging import TEXTS
from training_pipeline.datasets.keyed import PADS, keyed_by, pads_of
from training_pipeline.datasets.rows_file import write_rows
from training_pipeline.datasets.snapshot import included_rows, snapshot_rows
from training_pipeline.datasets.store import dataset_digest, is_whole
from training_pipeline.domain.errors import SheetChanged
from training_pipeline.domain.hash_key import NO_KEYS, HashKey, HashKeys
from training_pipeline.domain.manifest import KEYED_MANIFEST_SCHEMA, MANIFEST_SCHEMA, SNAPSHOT_SCHEMA, text_bytes
from training_pipeline.domain.refs import HEAD, MANIFEST, TRAIN, VALIDATION, DatasetRef, SnapshotRef
from training_pipeline.domain.rules.examples.rendering import rendered, row_hash
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.split import SplitPlan
from training_pipeline.infra.files import new_private_file
from training_pipeline.infra.staging import disk_errors, publish, staging
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Plan, Planner

#: Rows a batch: few enough that the text of a batch stays far below 2 GiB, Arrow's limit, with 100 kB an example.
_LINES: Final = 8192
#: What was planned for the included pairs.
_PLANNED: Final = ibis.schema({"planned_id": "string", "judged_hash": "string", "validation": "bool"})


def write_dataset(
    opened: OpenSheet, taken: SnapshotRef, plan: SplitPlan, *, root: Path, keys: HashKeys = NO_KEYS
) -> DatasetRef:
    """Write the dataset to `root/<digest>/`, or verify and reuse it where it is there. Idempotent.

    The text is read again from the sheet: raises `SheetChanged` where it is not the text that was judged, or where the
    key of the snapshot's hashes was destroyed meanwhile, and `Unavailable` where the disk is full. Nothing half-written
    stays. The hashes in the manifest are under the same key as those of the snapshot.
    """
    key = required_key(taken, keys)
    schema = MANIFEST_SCHEMA if key is None else KEYED_MANIFEST_SCHEMA
    with disk_errors(f"write a dataset in {root}"), staging(root) as staged, ThreadPoolExecutor(1) as beside:
        writing = beside.submit(write_rows, staged / MANIFEST, schema, _manifest(taken, plan, schema))
        texts = _write_lines(opened, taken, plan, staged, key)
        manifest = writing.result()
        digest = dataset_digest(
            train_sha256=texts[TRAIN].sha256,
            validation_sha256=texts[VALIDATION].sha256,
            manifest_sha256=manifest.hexdigest(),
            policy_version=taken.policy.version,
        )
        labels = included_rows(taken, ["canonical_label_id"])["canonical_label_id"]
        written = DatasetRef(
            digest=digest,
            path=root / digest,
            sheet_id=taken.sheet_id,
            sheet_digest=taken.sheet_digest,
            snapshot_digest=taken.digest,
            policy=taken.policy,
            train_pairs=plan.report.train,
            validation_pairs=plan.report.validation,
            train_sha256=texts[TRAIN].sha256,
            validation_sha256=texts[VALIDATION].sha256,
            manifest_sha256=manifest.hexdigest(),
            bytes=texts[TRAIN].bytes + texts[VALIDATION].bytes,
            canonical_labels=pc.count_distinct(labels, mode="only_valid").as_py(),
            report=plan.report,
            summary=taken.summary,
            hash_key=taken.hash_key,
        )
        with os.fdopen(new_private_file(staged / HEAD), "wb") as file:
            file.write(written.model_dump_json(indent=1, exclude={"path"}).encode())
        publish(staged, written.path, is_whole=is_whole)
    return written


def required_key(taken: SnapshotRef, keys: HashKeys) -> HashKey | None:
    """The key of a snapshot's hashes, None for hashes without one. Raises `SheetChanged` where it cannot be read."""
    if taken.hash_key is None:
        return None
    if (key := keys.read(taken.hash_key)) is None:
        raise SheetChanged(
            f"The key {taken.hash_key} of training sheet {taken.sheet_id!r} was destroyed, or cannot be read any more, "
            "while its dataset was prepared.",
            hint="The sheet is judged again, with a new key.",
        )
    return key


class _HashedFile:
    """A private file that knows the SHA-256 of what was written to it."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(new_private_file(path), "wb", buffering=0)
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: memoryview) -> None:
        """Append `data`, all of it."""
        self._hash.update(data)
        self.bytes += len(data)
        while len(data):
            data = data[self._file.write(data) :]

    @property
    def sha256(self) -> str:
        """Of everything written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()


def _write_lines(
    opened: OpenSheet, taken: SnapshotRef, plan: SplitPlan, directory: Path, key: HashKey | None
) -> dict[str, _HashedFile]:
    included = included_rows(taken, ["pair_id", "row_hash"])
    planned = pa.Table.from_arrays(
        [included["pair_id"], included["row_hash"], pa.chunked_array([pa.array(plan.validation)])],
        names=list(_PLANNED.names),
    )
    lines = lines_plan(is_keyed=key is not None)
    with (
        texts(opened, taken.policy) as read,
        DuckDB().batches(lines, read, rows=_LINES, planned=planned, **pads_of(key)) as ordered,
    ):
        files, found, changed = _write_ordered(ordered, directory)
    missing = len(included) - found
    if changed or missing:
        raise SheetChanged(
            f"Training sheet {taken.sheet_id!r} changed while its dataset was prepared: of {len(included):,} pairs "
            f"that were judged, {changed:,} have changed and {max(missing, 0):,} are gone.",
            hint="It is read again.",
        )
    return files


@lru_cache(maxsize=2)
@kept
def lines_plan(*, is_keyed: bool) -> Plan:
    """The lines of the two files in their order, of `texts`, and which of them are still what was judged."""
    planner = Planner(DUCKDB_SQL, TEXTS)
    planned = planner.beside("planned", _PLANNED)
    pairs = planner.pairs.inner_join(planned, planner.pairs.pair_id == planned.planned_id)
    line = with_tools(rendered(pairs.messages), pairs.tools)
    lines = pairs.select("planned_id", "judged_hash", "validation", line=line)
    hashed = keyed_by(lines.mutate(row_hash=row_hash(lines.line)), planner.beside("pads", PADS) if is_keyed else None)
    ordered = hashed.select(
        "planned_id",
        "validation",
        line=hashed.line + "\n",
        unchanged=(hashed.row_hash == hashed.judged_hash).fill_null(False),
    ).order_by("validation", "planned_id")
    return planner.plan(ordered)


def _write_ordered(ordered: Iterable[pa.RecordBatch], directory: Path) -> tuple[dict[str, _HashedFile], int, int]:
    """The two files, how many rows came, and how many of them are other text; after the first, none is written."""
    files = {TRAIN: _HashedFile(directory / TRAIN), VALIDATION: _HashedFile(directory / VALIDATION)}
    found = changed = 0
    try:
        for batch in ordered:
            found += len(batch)
            changed += len(batch) - batch.column("unchanged").true_count
            if not changed:
                train = len(batch) - batch.column("validation").true_count
                written = batch.column("line")
                files[TRAIN].write(text_bytes(written[:train]))
                files[VALIDATION].write(text_bytes(written[train:]))
    finally:
        for file in files.values():
            file.close()
    return files, found, changed


def _manifest(taken: SnapshotRef, plan: SplitPlan, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in snapshot_rows(taken, SNAPSHOT_SCHEMA.names):
        included = pc.is_null(batch.column("reason")).to_numpy(zero_copy_only=False)
        here = slice(done, done + int(included.sum()))
        done = here.stop
        stated = {"gate_policy_version": taken.policy.version, "hash_key": taken.hash_key}
        yield _manifest_rows(batch, included, plan.validation[here], plan.component[here], schema, stated)
    if done != len(plan.component):
        raise AssertionError(f"the plan has {len(plan.component)} pairs and the snapshot {done}")


def _manifest_rows(
    batch: pa.RecordBatch,
    included: NDArray[np.bool_],
    validation: NDArray[np.bool_],
    component: NDArray[np.int64],
    schema: pa.Schema,
    stated: Mapping[str, str | None],
) -> pa.RecordBatch:
    sides = np.full(len(batch), -1, dtype=np.int8)
    sides[included] = validation
    components = np.full(len(batch), -1, dtype=np.int64)
    components[included] = component
    added = {
        "split": pa.array(["train", "validation"]).take(pa.array(sides, mask=~included)),
        "component": pa.array(components, mask=~included),
        **{
            name: pa.array([value], pa.string()).take(pa.array(np.zeros(len(batch), dtype=np.int8)))
            for name, value in stated.items()
        },
    }
    columns = [added[name] if name in added else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
