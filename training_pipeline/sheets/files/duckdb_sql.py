"""A file of pairs as DuckDB sees it: the columns it has, and the SELECT that turns them into `PAIR_SCHEMA`.

What already has the right type passes through; anything else goes by way of JSON, leniently in its form and strictly in
its meaning: what is no text, no list of words or no list of objects becomes null, and null denies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from training_pipeline.sheets.columns import KNOWN_COLUMNS, QUESTION_ANSWER, TEXT_COLUMNS
from training_pipeline.sheets.files.duckdb_macros import MESSAGES_TYPE
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.pair_columns import pair_expressions


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file of pairs before its columns mean anything: an SQL relation and the type of each of its columns."""

    relation: str
    types: Mapping[str, duckdb.sqltypes.DuckDBPyType]
    #: JSONL: some line is no object or has a key twice, or a byte order mark comes first.
    faulty: bool = False
    empty: bool = False
    #: CSV: text in a list column is split here.
    list_separator: str | None = None
    #: CSV: the relation is a table of ours, which nobody needs once its pairs are made.
    is_kept: bool = False
    #: Parquet: no message calls a tool, by the file's own statistics.
    no_tool_calls: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.types

    def is_json(self, name: str) -> bool:
        """Whether the column is read as JSON."""
        return str(self.types[name]) == "JSON"

    def text(self, name: str) -> str:
        """See `PairColumns`."""
        return f"text_of({name})" if self.is_json(name) else f"CAST({name} AS VARCHAR)"

    def stated(self, name: str) -> str:
        """See `PairColumns`."""
        return f"stated({name})" if self.is_json(name) else name

    def words(self, name: str) -> str:
        """See `PairColumns`."""
        if self.is_json(name):
            return f"words_of({name})"
        if str(self.types[name]) == "VARCHAR[]":
            return f"CASE WHEN list_count({name}) = len({name}) THEN {name} END"
        if self.list_separator is not None:
            parts = f"[trim(w) FOR w IN string_split({name}, {quoted(self.list_separator)})]"
            split = f"list_filter({parts}, lambda w: w <> '')"
            words = f"CASE WHEN len({split}) > 0 THEN {split} END"
            return f"CASE WHEN ltrim({name}) LIKE '[%' THEN words_of(json_of({name})) ELSE {words} END"
        return f"words_of(to_json({name}))"

    def messages(self) -> str:
        """See `PairColumns`."""
        if "messages" not in self.types:
            return _question_answer(self)
        if self.is_json("messages"):
            return "messages_of(messages)"
        if self.types["messages"].id == "varchar":
            return "messages_of(json_of(messages))"
        return f"CAST(messages AS {MESSAGES_TYPE})" if _passes_through(self) else "messages_of(to_json(messages))"

    def tools(self) -> str:
        """See `PairColumns`."""
        if self.is_json("tools"):
            given = "value_of(tools)"
        else:
            given = "json_of(tools)" if self.types["tools"].id == "varchar" else "value_of(to_json(tools))"
        return f"CASE WHEN tools IS NOT NULL THEN objects_of({given}) END"

    def text_literal(self, text: str | None) -> str:
        """See `PairColumns`."""
        return "NULL::VARCHAR" if text is None else quoted(text)

    def words_literal(self, words: Sequence[str] | None) -> str:
        """See `PairColumns`."""
        return "NULL::VARCHAR[]" if words is None else f"[{', '.join(map(quoted, words))}]::VARCHAR[]"


def select_pairs(raw: RawFile, head: Head) -> str:
    """The SELECT that yields exactly `PAIR_SCHEMA`; defaults fill missing columns, never wrong values."""
    made = pair_expressions(raw, head.defaults.stated())
    selected = ", ".join(f"{expression} AS {name}" for name, expression in made.items())
    return f"SELECT {selected} FROM {raw.relation}"  # noqa: S608 - built from our own names and quoted values


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _passes_through(raw: RawFile) -> bool:
    """Whether `messages` is a list of structs whose fields already have the right types."""
    kind = raw.types["messages"]
    item = kind.children[0][1] if kind.id == "list" else None
    if not isinstance(item, duckdb.sqltypes.DuckDBPyType) or item.id != "struct":
        return False
    fields = {name: str(child) for name, child in item.children}
    numbers = {"FLOAT", "DOUBLE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"}
    texts = all(fields.get(name, "VARCHAR") == "VARCHAR" for name in ("name", "tool_call_id", "tool_calls"))
    return (
        fields.get("role") == fields.get("content") == "VARCHAR"
        and texts
        and fields.get("weight", "DOUBLE") in numbers
        and ("tool_calls" not in fields or raw.no_tool_calls)
        and len({name.lower() for name in fields}) == len(fields)
    )


def _question_answer(raw: RawFile) -> str:
    messages = {
        column: f"{{'role': '{role}', 'content': {_string(raw, column)}}}"
        for column, role in QUESTION_ANSWER.items()
        if column in raw.types
    }
    system = messages.pop("system", None)
    pair = f"[{', '.join(messages.values())}]"
    if system:
        pair = f"CASE WHEN {raw.stated('system')} IS NULL THEN {pair} ELSE list_prepend({system}, {pair}) END"
    return f"CAST({pair} AS {MESSAGES_TYPE})"


def _string(raw: RawFile, name: str) -> str:
    if raw.is_json(name):
        return f"string_of({name})"
    return name if raw.types[name].id == "varchar" else "NULL"


def wrong_types(raw: RawFile) -> dict[str, str]:
    """Text columns that hold lists or objects, and columns that hold bytes anywhere, with the type they have."""
    nested = {"list", "struct", "map", "array", "union"}
    texts = {name for name in (*TEXT_COLUMNS, *QUESTION_ANSWER) if name in raw.types and raw.types[name].id in nested}
    kinds = {name: str(raw.types[name]) for name in KNOWN_COLUMNS if name in raw.types}
    return {name: kind for name, kind in kinds.items() if name in texts or "BLOB" in kind}
