"""Hashes under a key, worked out by our DuckDB for whole tables. The secret goes in as a table, never as a literal."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.hash_key import MARKS, HashKey
from training_pipeline.domain.rules.text.characters import engine_function

#: The table of a key's pads, which a plan reads beside its rows.
PADS: Final = ibis.schema({"inner_pad": "binary", "outer_pad": "binary"})

_sha256 = engine_function("sha256", {"data": dt.binary}, dt.string)
_unhex = engine_function("unhex", {"digits": dt.string}, dt.binary)
_encode = engine_function("encode", {"text": dt.string}, dt.binary)
_joined = engine_function("||", {"one": dt.binary, "other": dt.binary}, dt.binary)
_ltrim = engine_function("ltrim", {"text": dt.string, "characters": dt.string}, dt.string)


def keyed_table(table: ir.Table, key: HashKey | None) -> ir.Table:
    """A table of our DuckDB with `row_hash`, and `prompt_hash` where it is there, under the key; for None as it is."""
    return _keyed(table, "row_hash", "prompt_hash", key)


def keyed_rows(table: ir.Table, key: HashKey | None) -> ir.Table:
    """The same for `row_hash` alone: hashes of questions stay as they are."""
    return _keyed(table, "row_hash", None, key)


def keyed_questions(table: ir.Table, column: str, key: HashKey | None) -> ir.Table:
    """The same for a column that has hashes of questions, between blanks."""
    return _keyed(table, None, column, key)


def pads_of(key: HashKey | None) -> dict[str, pa.Table]:
    """The table `pads` with the columns `PADS`, for `DuckDB.read`; nothing where there is no key."""
    if key is None:
        return {}
    inner, outer = key.pads
    return {"pads": pa.table({"inner_pad": [inner], "outer_pad": [outer]})}


def keyed_by(table: ir.Table, pads: ir.Table | None) -> ir.Table:
    """The same as `keyed_table`, with the key as the table of its pads."""
    return table if pads is None else _under(table, "row_hash", "prompt_hash", pads)


def _keyed(table: ir.Table, rows: str | None, questions: str | None, key: HashKey | None) -> ir.Table:
    return table if key is None else _under(table, rows, questions, ibis.memtable(pads_of(key)["pads"]))


def _under(table: ir.Table, rows: str | None, questions: str | None, pads: ir.Table) -> ir.Table:
    both = table.cross_join(pads)

    def mac(hashed: ir.StringValue) -> ir.StringValue:
        within = _sha256(_joined(both.inner_pad, _encode(hashed)))
        return _sha256(_joined(both.outer_pad, _unhex(within)))

    def of_question(one: ir.StringValue) -> ir.StringValue:
        bare = _ltrim(one, MARKS)
        return one.left(one.length() - bare.length()) + mac(bare).left(bare.length().cast("int64"))

    changed: dict[str, ir.Value] = {}
    if rows is not None:
        changed[rows] = ibis.cases((both[rows].notnull(), mac(both[rows])))
    if questions is not None and questions in table.columns:
        each = both[questions].split(" ").map(of_question).sort()
        changed[questions] = ibis.cases((both[questions].notnull(), each.join(" ")))
    return both.select(**{name: changed.get(name, both[name]) for name in table.columns})
