"""The version of a sheet's pairs in a table: a digest of what rules and datasets are made from.

The digest is worked out by the warehouse over the pairs as `PAIR_SCHEMA` has them. So it changes whenever a verdict or
a text could, and only then: a Delta version changes with every write to the table, to other sheets' pairs too, and a
view has none. What a Delta version is good for, it does: it pins the rows that all statements of one reading see, and
a digest that was worked out for it need not be worked out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.unity_catalog import fragments

#: Hexadecimal digits by which rows are put together, so that no list grows with the table.
_BUCKET: Final = 4


@dataclass(frozen=True, slots=True)
class PairsVersion:
    """How many pairs a sheet has, and the digest of all of them: SHA-256 (hex), whatever their order."""

    pairs: int
    digest: str


def latest_version(statements: Statements, table: str) -> int:
    """The number of the table's latest Delta version. Reads only."""
    rows = statements.rows(f"DESCRIBE HISTORY {fragments.name_of(table)} LIMIT 1")
    if not rows or rows[0][0] is None:
        raise Unavailable(f"Table {table} has no history yet.", hint="Try again.")
    return int(rows[0][0])


def version_of(statements: Statements, pairs: str, parameters: dict[str, str]) -> PairsVersion:
    """The version of the pairs that the SELECT `pairs` yields. Reads every one of them."""
    columns = ", ".join(fragments.column_of(name) for name in PAIR_SCHEMA)
    listed = "sha2(array_join(array_sort(collect_list({})), ''), 256)"
    rows = statements.rows(
        f"WITH pairs AS ({pairs}), "  # noqa: S608 - quoted names
        f"hashed AS (SELECT sha2(to_json(struct({columns})), 256) AS row_hash FROM pairs), "
        f"buckets AS (SELECT left(row_hash, {_BUCKET}) AS bucket, {listed.format('row_hash')} AS bucket_hash, "
        f"count(*) AS number FROM hashed GROUP BY left(row_hash, {_BUCKET})) "
        f"SELECT coalesce(sum(number), 0), {listed.format('bucket_hash')} FROM buckets",
        parameters,
    )
    number, digest = rows[0]
    return PairsVersion(int(number or 0), digest or "")
