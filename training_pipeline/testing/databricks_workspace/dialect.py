"""Databricks SQL as DuckDB runs it: what sqlglot knows, and what it does not.

VARIANT is DuckDB's JSON here. Keys of an object keep their order, where a real VARIANT sorts them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

import sqlglot
from sqlglot import exp

#: `try_variant_get` has the type that its last argument names; here each type has a macro of its own.
_VARIANT_GET: Final = {
    "VARIANT": "variant_value",
    "STRING": "variant_text",
    "DOUBLE": "variant_number",
    "ARRAY<VARIANT>": "variant_items",
    "ARRAY<STRING>": "variant_texts",
}

_VERSION: Final = re.compile(r"VERSION AS OF (\d+)")
_PLACE: Final = re.compile(r'"place of ([^"?]+)\?(@?)"')

MACROS: Final = """
CREATE MACRO try_parse_json(x) AS CASE WHEN json_valid(x)
    AND NOT regexp_matches(regexp_replace(x, '"(\\\\.|[^"\\\\])*"', '""', 'g'), '(?i),\\s*[\\]}]|nan|inf')
    THEN CAST(x AS JSON) END;
CREATE MACRO schema_of_variant(x) AS CASE json_type(x) WHEN 'VARCHAR' THEN 'STRING' WHEN 'ARRAY' THEN 'ARRAY<VARIANT>'
    WHEN 'OBJECT' THEN 'OBJECT<>' WHEN 'NULL' THEN 'VOID' WHEN 'UBIGINT' THEN 'BIGINT' WHEN 'DOUBLE' THEN 'DECIMAL(3,1)'
    ELSE json_type(x) END;
CREATE MACRO variant_value(x, p) AS json_extract(x, p);
CREATE MACRO variant_text(x, p) AS json_extract_string(x, p);
CREATE MACRO variant_number(x, p) AS TRY_CAST(json_extract(x, p) AS DOUBLE);
CREATE MACRO variant_items(x, p) AS from_json(json_extract(x, p), '["JSON"]');
CREATE MACRO variant_texts(x, p) AS from_json(json_extract(x, p), '["VARCHAR"]');
CREATE MACRO utc_text(x) AS replace(CAST(x AS VARCHAR), ' ', 'T') || 'Z';
"""


def to_duckdb(statement: str, relation: Callable[[str, int | None], str]) -> str:
    """The statement in DuckDB's words; `relation` names what holds the version (the latest where null) of a table."""
    versions = [int(number) for number in _VERSION.findall(statement)]
    translated = _to_duckdb(_VERSION.sub("VERSION AS OF 0", statement))

    def held(match: re.Match[str]) -> str:
        return f'"{relation(match[1], versions[0] if match[2] else None)}"'

    return _PLACE.sub(held, translated)


@lru_cache(maxsize=256)
def _to_duckdb(statement: str) -> str:
    """The same, with a place for each table: statements differ by little but versions, and translating takes long."""
    with _deep_recursion():
        tree = sqlglot.parse_one(statement, read="databricks")
        return _written(tree)


def _written(tree: exp.Expr) -> str:
    for table in list(tree.find_all(exp.Table)):
        if table.catalog and table.db:
            pinned = "@" if table.args.get("version") is not None else ""
            place = f"place of {table.catalog}.{table.db}.{table.name}?{pinned}"
            for part in ("version", "catalog", "db"):
                table.set(part, None)
            table.set("this", exp.to_identifier(place, quoted=True))
    for node in reversed(list(tree.walk())):  # what is inside first
        translated = _translated(node)
        if translated is not node:
            node.replace(translated)
    return str(tree.sql(dialect="duckdb"))


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """The statements nest some forty calls deep, each of which sqlglot parses with dozens of its own."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Lambda) and len(node.expressions) == 2:  # places are counted from 0 there, from 1 here
        index = node.expressions[1].name
        for used in [each for each in node.this.find_all(exp.Identifier, exp.Column) if each.name == index]:
            if not isinstance(used.parent, exp.Column):
                used.replace(exp.paren(exp.Sub(this=used.copy(), expression=exp.Literal.number(1))))
        return node
    if isinstance(node, exp.ArraySlice):  # a start and a length there, a start and an end here
        start, length = node.args["start"], node.args["end"]
        behind = exp.Add(this=exp.paren(start.copy()), expression=exp.paren(length))
        end = exp.Sub(this=behind, expression=exp.Literal.number(1))
        return exp.Anonymous(this="list_slice", expressions=[node.this, start, end])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "try_variant_get":
        value, path, kind = node.expressions
        return exp.Anonymous(this=_VARIANT_GET[kind.this.upper()], expressions=[value, path])
    if isinstance(node, exp.ConcatWs) and len(node.expressions) == 2:
        separator, texts = node.expressions
        return exp.Anonymous(this="array_to_string", expressions=[texts, separator])
    if isinstance(node, exp.ArrayReverse | exp.Reverse) or (
        isinstance(node, exp.Anonymous) and node.name.lower() == "reverse"
    ):
        return exp.Anonymous(
            this="list_reverse", expressions=[node.this if not node.expressions else node.expressions[0]]
        )
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.BINARY):  # the bytes of a text in UTF-8
        return exp.Anonymous(this="encode", expressions=[node.this])
    if isinstance(node, exp.RegexpReplace):
        return exp.Anonymous(
            this="regexp_replace",
            expressions=[node.this, node.expression, node.args["replacement"], exp.Literal.string("g")],
        )
    return node
