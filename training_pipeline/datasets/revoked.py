"""Leaves revoked pairs out of the verdicts on a training sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.revocations import RevocableKind, Withdrawn
from training_pipeline.domain.rules.policy import Reason

#: The column of the verdicts that a revocation names.
_COLUMNS: Final[Mapping[RevocableKind, str]] = {
    "pair": "pair_id",
    "item": "item_ref",
    "label": "canonical_label_id",
    "row_hash": "row_hash",
}


def without_revoked(table: ir.Table, withdrawn: Withdrawn) -> ir.Table:
    """The verdicts of `judge_together`, with the reason `revoked` for pairs that pass the gates and are `withdrawn`.

    So are pairs with the very same example. One that may only not be validated on stays, and is not validated on. Where
    nothing is withdrawn this is the table itself. The table must be in our DuckDB.
    """
    if not withdrawn:
        return table
    may_pass = table.reason.isnull() | (table.reason == str(Reason.DUPLICATE))
    hit = ibis.literal(value=False)
    for kind, column in _COLUMNS.items():
        if values := [value for named, value in withdrawn.named if named == kind]:
            hit |= _in(table[column], values)
    row = table.row_hash + table.pair_id  # a hash has one length, so no two rows have the same key
    if whole := [row_hash + pair_id for pair_id, row_hash, validation_only in withdrawn.rows if not validation_only]:
        hit |= _in(row, whole)
    barred = ibis.literal(value=False)
    if halves := [row_hash + pair_id for pair_id, row_hash, validation_only in withdrawn.rows if validation_only]:
        barred = _in(row, halves)
    examples = table.filter(hit & may_pass & table.row_hash.notnull()).select("row_hash").distinct()
    revoked = may_pass & (hit | table.row_hash.isin(examples.row_hash).fill_null(False))
    return table.mutate(
        reason=ibis.cases((revoked, str(Reason.REVOKED)), else_=table.reason),
        may_validate=table.may_validate & ~revoked & ~barred,
    )


def _in(column: ir.Value, values: Sequence[str]) -> ir.BooleanValue:
    among = ibis.memtable(pa.table({"value": pa.array(values, pa.string())}))
    found: ir.BooleanValue = column.isin(among.value).fill_null(False)
    return found
