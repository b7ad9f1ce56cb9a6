"""What became of the rows that datasets of a training sheet were made of, as the sheet is now. Reads only.

Judged once for all datasets: equal rows of several are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import ibis
import pyarrow as pa

from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Learned
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.models.uses.keys import lost as lost_manifest
from training_pipeline.sheets.base import OpenSheet

#: `source` is a `RevocationSource`; `validation_only` of a row that may still be trained on, and not validated on.
SCHEMA: Final = pa.schema(
    [
        ("pair_id", pa.string()),
        ("row_hash", pa.string()),
        ("validation_only", pa.bool_()),
        ("source", pa.string()),
    ]
)
_USED: Final = (
    "SELECT DISTINCT pair_id AS used_id, row_hash AS used_hash, split = 'validation' AS validates"
    " FROM read_parquet($paths, union_by_name = true) WHERE split IS NOT NULL"
)
_COUNTED: Final = """
    SELECT source, filename, count(*) FILTER (split = 'train'), count(*) FILTER (split = 'validation')
    FROM read_parquet($paths, union_by_name = true, filename = true) AS used JOIN changed USING (pair_id, row_hash)
    WHERE split = 'validation' OR (split = 'train' AND NOT validation_only)
    GROUP BY source, filename
"""


def changed(opened: OpenSheet, datasets: Sequence[DatasetRef], policy: GatePolicy) -> pa.Table:
    """The rows that may not be used any more as they were, each under the first of: vanished, lost_permission,
    relabelled. Raises `Unavailable` where a manifest cannot be read.

    Of a dataset that was made of the sheet as it is nobody took anything back, whatever became of the gate policy.
    A sheet that was rejected permits none of them. One that is generated or reviewed anew is judged pair by pair. A
    copy that was added since makes a pair a duplicate: nothing was taken back.
    """
    judged = [one for one in datasets if opened.digest != one.sheet_digest]
    if opened.sheet.status is SheetStatus.REJECTED:
        rows = _used(datasets).group_by(["used_id", "used_hash"]).aggregate([])
        everything = pa.array(["lost_permission"] * rows.num_rows, pa.string())
        never = pa.array([False] * rows.num_rows)
        return pa.table([rows["used_id"], rows["used_hash"], never, everything], schema=SCHEMA)
    if not judged:
        return SCHEMA.empty_table()
    used = ibis.memtable(_used(judged))
    with verdicts(opened, policy) as table:
        now = used.left_join(table, used.used_id == table.pair_id)
        copied = (now.reason == str(Reason.DUPLICATE)).fill_null(False)
        shut = now.reason.notnull() & ~copied
        validating = table.filter(table.reason.isnull() & table.may_validate)
        may_validate = now.may_validate | (copied & now.row_hash.isin(validating.row_hash)).fill_null(False)
        edited = ~(now.row_hash == now.used_hash).fill_null(False)
        barred = now.validates & ~may_validate
        found = now.select(
            pair_id=now.used_id,
            row_hash=now.used_hash,
            validation_only=now.pair_id.notnull() & ~shut & ~edited & barred,
            source=ibis.cases(
                (now.pair_id.isnull(), "vanished"),
                (shut, "lost_permission"),
                (edited, "relabelled"),
                (barred, "lost_permission"),
            ),
        )
        rows = found.filter(found.source.notnull()).distinct().to_pyarrow()
    return rows.cast(SCHEMA)


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


def _used(datasets: Sequence[DatasetRef]) -> pa.Table:
    for one in datasets:
        if not one.manifest_file.is_file():
            raise lost_manifest(one.manifest_file, "it is gone")
    try:
        with duckdb.connect() as engine:
            paths = sorted({str(one.manifest_file) for one in datasets})
            return engine.execute(_USED, {"paths": paths}).to_arrow_table()
    except duckdb.Error as error:
        raise lost_manifest(datasets[0].manifest_file, error) from error
