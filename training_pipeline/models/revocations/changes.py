"""What became of the rows that datasets of a training sheet were made of, as the sheet is now. Reads only.

Judged once for all datasets: equal rows of several are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.datasets.comparable_hashes import Space, rows_in, with_sheet
from training_pipeline.datasets.keyed import keyed_table
from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Learned
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.models.revocations.same_text import TEXTS, unless_copied
from training_pipeline.sheets.base import OpenSheet

#: `source` is a `RevocationSource`; `validation_only` of a row that may still be trained on, and not validated on.
SCHEMA: Final = pa.schema(
    [
        ("pair_id", pa.string()),
        ("row_hash", pa.string()),
        ("validation_only", pa.bool_()),
        ("source", pa.string()),
        # The key that the hash is under, as in the manifest; null for a hash without one.
        ("hash_key", pa.string()),
    ]
)
_COUNTED: Final = """
    SELECT source, filename, count(*) FILTER (split = 'train'), count(*) FILTER (split = 'validation')
    FROM read_parquet($paths, union_by_name = true, filename = true) AS used
    JOIN (SELECT DISTINCT source, pair_id, row_hash, validation_only FROM changed) USING (pair_id, row_hash)
    WHERE split = 'validation' OR (split = 'train' AND NOT validation_only)
    GROUP BY source, filename
"""


class Changes(NamedTuple):
    """What became of the rows of datasets."""

    rows: pa.Table
    #: The datasets that could be read.
    read: tuple[DatasetRef, ...]
    #: Those that could not, by their digests, and why: of their rows nothing is known.
    lost: Mapping[str, Unavailable]


def changed(opened: OpenSheet, datasets: Sequence[DatasetRef], policy: GatePolicy, keys: HashKeys = NO_KEYS) -> Changes:
    """The rows that may not be used any more as they were, each under the first of: vanished, lost_permission,
    relabelled. A dataset that cannot be read keeps nobody from seeing what became of the others.

    Of a dataset that was made of the sheet as it is nobody took anything back, whatever became of the gate policy.
    A sheet that was rejected permits none of them. One that is generated or reviewed anew is judged pair by pair. A
    copy that was added since makes a pair a duplicate: nothing was taken back. A text is another one where it is no
    copy of the one that was used: a name, a weight or white space at an end changes nothing. Nor has a pair vanished
    whose example is permitted under another id.

    The sheet is hashed as each dataset is; where that cannot be told, no text counts as another one: that would taint
    every model of a sheet for a key that was destroyed on purpose.
    """
    rejected = opened.sheet.status is SheetStatus.REJECTED
    read: list[DatasetRef] = []
    tables: list[pa.Table] = []
    by_space: dict[Space | None, list[pa.Table]] = defaultdict(list)
    lost: dict[str, Unavailable] = {}
    for one in datasets:
        is_judged = not rejected and one.sheet_digest != opened.digest
        try:
            space = with_sheet(one, keys) if is_judged else None
            tables.append(_used(one, space, keys))
        except Unavailable as error:
            lost[one.digest] = error
            continue
        read.append(one)
        if is_judged:
            by_space[space].append(tables[-1])
    rows = SCHEMA.empty_table()
    if rejected and tables:
        rows = _all_of(tables)
    elif by_space:
        judged = [one for one in read if one.sheet_digest != opened.digest]
        rows = _of_judged(opened, policy, by_space, judged)
    return Changes(rows, tuple(read), lost)


def _all_of(tables: Sequence[pa.Table]) -> pa.Table:
    """Every row: a sheet that was rejected permits none."""
    rows = pa.concat_tables(tables).group_by(["used_id", "stored_hash", "hash_key"]).aggregate([])
    everything = pa.array(["lost_permission"] * rows.num_rows, pa.string())
    never = pa.array([False] * rows.num_rows)
    return pa.table([rows["used_id"], rows["stored_hash"], never, everything, rows["hash_key"]], schema=SCHEMA)


def _of_judged(
    opened: OpenSheet,
    policy: GatePolicy,
    by_space: Mapping[Space | None, Sequence[pa.Table]],
    datasets: Sequence[DatasetRef],
) -> pa.Table:
    """The rows that the sheet does not have as they were, or does not permit."""
    with verdicts(opened, policy) as table:
        found = [_found(table, pa.concat_tables(tables), space) for space, tables in by_space.items()]
        rows = pa.concat_tables(found)
        if pc.any(pc.is_in(rows["source"], pa.array(TEXTS))).as_py():
            rows = unless_copied(rows, table, opened, datasets)
    return rows.group_by(SCHEMA.names).aggregate([]).select(SCHEMA.names).cast(SCHEMA)


def _found(judged: ir.Table, rows: pa.Table, space: Space | None) -> pa.Table:
    """What became of rows with hashes that are comparable with those of the sheet in this space."""
    used = ibis.memtable(rows.group_by(rows.column_names).aggregate([]))
    table = judged if space is None else keyed_table(judged, space.key)
    now = used.left_join(table, used.used_id == table.pair_id)
    copied = (now.reason == str(Reason.DUPLICATE)).fill_null(False)
    shut = now.reason.notnull() & ~copied
    validating = table.filter(table.reason.isnull() & table.may_validate)
    may_validate = now.may_validate | (copied & now.row_hash.isin(validating.row_hash)).fill_null(False)
    edited = ibis.literal(False) if space is None else ~(now.row_hash == now.used_hash).fill_null(False)
    barred = now.validates & ~may_validate
    found = now.select(
        pair_id=now.used_id,
        row_hash=now.stored_hash,
        validation_only=now.pair_id.notnull() & ~shut & ~edited & barred,
        source=ibis.cases(
            (now.pair_id.isnull(), "vanished"),
            (shut, "lost_permission"),
            (edited, "relabelled"),
            (barred, "lost_permission"),
        ),
        hash_key=now.hash_key,
        validates=now.validates,
        may_validate=may_validate,
    )
    return found.filter(found.source.notnull()).distinct().to_pyarrow()


def counted(datasets: Sequence[DatasetRef], rows: pa.Table) -> Mapping[tuple[str, str], Learned]:
    """How many of these rows each dataset trains and validates on, by source and digest; only what occurs."""
    digests = {str(one.manifest_file): one.digest for one in datasets}
    try:
        with duckdb.connect() as engine:
            engine.register("changed", rows)
            found = engine.execute(_COUNTED, {"paths": sorted(digests)}).fetchall()
    except duckdb.Error as error:
        raise lost_manifest(datasets[0].manifest_file, error) from error
    return {(source, digests[file]): Learned(train, validation) for source, file, train, validation in found}


def _used(dataset: DatasetRef, space: Space | None, keys: HashKeys) -> pa.Table:
    """The rows of a dataset: as it has their hashes, and as they are comparable with those of the sheet."""
    rows = rows_in(dataset, space, keys, ["pair_id", "row_hash", "split"])
    return pa.table(
        {
            "used_id": rows["pair_id"],
            "stored_hash": rows["row_hash"],
            "used_hash": rows["comparable_hash"],
            "validates": pc.equal(rows["split"], "validation"),
            "hash_key": pa.array([dataset.hash_key] * len(rows), pa.string()),
        }
    )
