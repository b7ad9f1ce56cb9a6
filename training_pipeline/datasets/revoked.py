"""Leaves revoked pairs out of the verdicts on a training sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.datasets.keyed import keyed_questions, keyed_rows
from training_pipeline.domain.hash_key import MARKS, HashKey
from training_pipeline.domain.revocations import RevocableKind, Withdrawn
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.rules.turns import HASH_DIGITS

#: The column of the verdicts that a revocation names. A sheet has all rows, and a question those that ask it.
_COLUMNS: Final[Mapping[RevocableKind, str]] = {
    "pair": "pair_id",
    "item": "item_ref",
    "label": "canonical_label_id",
    "row_hash": "row_hash",
}

#: So many names are written into a statement.
_FEW: Final = 200


def without_revoked(table: ir.Table, withdrawn: Withdrawn, shown: ir.Table | None = None) -> ir.Table:
    """The verdicts of `judge_together`, with the reason `revoked` for pairs that pass the gates and are `withdrawn`.

    The hashes of the table are without a key; what is withdrawn by a hash under the sheet's key is found, too. So are
    pairs with the very same example, and all copies of one: the pair that is kept for it, and the others. With `shown`
    (see `shown_plan`) so is every pair that shows, in any of its turns, an example that people revoked, in whatever
    disguise, and whatever the verdict on the pair that has it. One that may only not be validated on stays, and is not
    validated on, nor are its copies. Where nothing is withdrawn this is the table itself. Both tables must be in our
    DuckDB.

    A revoked question is looked for in the column `asked` of `shown` (see `known_plan`), which then must be there: the
    verdicts keep fewer of the questions that a conversation asks.
    """
    if not withdrawn:
        return table
    columns = table.columns
    table = _with_keyed(table, withdrawn)
    may_pass = table.reason.isnull() | (table.reason == str(Reason.DUPLICATE))
    hit, barred = _named(table, withdrawn), ibis.literal(value=False)
    if withdrawn.barred:
        barred |= _in(table.pair_id, withdrawn.barred)
    for column, rows in (("row_hash", withdrawn.rows), ("keyed_hash", withdrawn.keyed)):
        if whole := [row_hash + pair_id for pair_id, row_hash, validation_only in rows if not validation_only]:
            hit |= _in(table[column] + table.pair_id, whole)  # a hash has one length, so no two rows have the same key
        if halves := [row_hash + pair_id for pair_id, row_hash, validation_only in rows if validation_only]:
            barred |= _in(table[column] + table.pair_id, halves)
    if questions := questions_of(withdrawn):
        if shown is None:
            raise ValueError("revoked questions are found in what pairs show; pass shown")
        hit |= table.pair_id.isin(_asking(shown, questions, withdrawn.key).asking_id).fill_null(False)
    same = hit | _shares(table, hit, "row_hash") | _shares(table, hit, "kept_id")
    if shown is not None:
        same |= table.pair_id.isin(_showing(shown, withdrawn).showing_id).fill_null(False)
    revoked = may_pass & same
    made = table.mutate(
        reason=ibis.cases((revoked, str(Reason.REVOKED)), else_=table.reason),
        may_validate=table.may_validate & ~revoked & ~barred & ~_shares(table, barred, "kept_id"),
    )
    return made.select(*columns)


def questions_of(withdrawn: Withdrawn) -> list[str]:
    """The hashes of the questions that people revoked."""
    return [value for kind, value in withdrawn.named if kind == "question_hash"]


def names_few(table: ir.Table, withdrawn: Withdrawn) -> ir.BooleanValue:
    """Which rows to look at for those that people revoked, in the words of any engine: by few names only their rows are
    worked out; by a hash, or many names, all.
    """
    kinds = {kind for kind, _ in withdrawn.named if kind in _COLUMNS}
    if "row_hash" in kinds or len(withdrawn.named) > _FEW:
        return ibis.literal(value=True)
    wanted = ibis.literal(value=False)
    for kind in sorted(kinds):
        wanted |= table[_COLUMNS[kind]].isin([value for named, value in withdrawn.named if named == kind])
    return wanted


def only_named(shown: ir.Table, withdrawn: Withdrawn) -> ir.Table:
    """The rows of `known_plan` that people revoked by their names or hashes. The table must be in our DuckDB."""
    table = _with_keyed(shown, withdrawn)
    return table.filter(_named(table, withdrawn)).select(*shown.columns)


def _with_keyed(table: ir.Table, withdrawn: Withdrawn) -> ir.Table:
    """The table, with `keyed_hash` where anything is withdrawn by a hash that may be under a key."""
    if not withdrawn.keyed and not _by_keyed_hash(withdrawn):
        return table
    table = keyed_rows(table.mutate(plain_hash=table.row_hash), withdrawn.key)
    return table.rename(keyed_hash="row_hash").rename(row_hash="plain_hash")


def _by_keyed_hash(withdrawn: Withdrawn) -> bool:
    return withdrawn.key is not None and any(kind == "row_hash" for kind, _ in withdrawn.named)


def _named(table: ir.Table, withdrawn: Withdrawn) -> ir.BooleanValue:
    """Whether people revoked a row, by its name or its hash."""
    hit = ibis.literal(value=any(kind == "sheet" for kind, _ in withdrawn.named))
    for kind, column in _COLUMNS.items():
        if values := [value for named, value in withdrawn.named if named == kind]:
            hit |= _in(table[column], values)
            if kind == "row_hash" and _by_keyed_hash(withdrawn):
                hit |= _in(table.keyed_hash, values)
    return hit


def _asking(shown: ir.Table, questions: Sequence[str], key: HashKey | None) -> ir.Table:
    """`asking_id`: the pairs that ask one of the questions, in any of their turns; its hash may be under the key."""
    texts = shown.filter(shown.asked.notnull()).select("asked").distinct()
    each = texts.select(whole="asked", one=texts.asked.split(" ").unnest())
    each = each.mutate(one=each.one.re_replace(f"^[{MARKS}]+", ""))
    asks = _in(each.one, questions)
    if key is not None:
        each = keyed_questions(each.mutate(keyed=each.one), "keyed", key)
        asks = _in(each.one, questions) | _in(each.keyed, questions)
    asking = each.filter(asks).select("whole")
    return shown.filter(shown.asked.isin(asking.whole).fill_null(False)).select(asking_id="pair_id")


def _showing(shown: ir.Table, withdrawn: Withdrawn) -> ir.Table:
    """`showing_id`: the pairs that show an example that people revoked."""
    shown = _with_keyed(shown.filter(shown.shown.notnull()), withdrawn)
    named = shown.filter(_named(shown, withdrawn)).select(example=shown.shown.left(HASH_DIGITS)).distinct().view()
    each = shown.select("pair_id", example=shown.shown.split(" ").unnest())
    keyed = bool(withdrawn.examples) and withdrawn.key is not None
    if keyed:
        each = keyed_questions(each.mutate(keyed=each.example), "keyed", withdrawn.key)
    revoked = each.example.isin(named.example)
    for column in ("example", "keyed") if keyed else ("example",):
        if withdrawn.examples:
            revoked |= _in(each[column], withdrawn.examples)
    return each.filter(revoked).select(showing_id="pair_id").distinct()


def _shares(table: ir.Table, chosen: ir.BooleanValue, column: str) -> ir.BooleanValue:
    """Whether a row has in this column what a chosen one has there."""
    values = table.filter(chosen & table[column].notnull()).select(column).distinct()
    found: ir.BooleanValue = table[column].isin(values[column]).fill_null(False)
    return found


def _in(column: ir.Value, values: Sequence[str]) -> ir.BooleanValue:
    among = ibis.memtable(pa.table({"value": pa.array(values, pa.string())}))
    found: ir.BooleanValue = column.isin(among.value).fill_null(False)
    return found
