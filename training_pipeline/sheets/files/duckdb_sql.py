"""A file of pairs as DuckDB sees it: the columns it has, and the SELECT that turns them into `PAIR_SCHEMA`.

Nothing is copied: the SELECT reads the file when it is asked. What already has the right type passes through; anything
else goes by way of JSON, leniently in its form and strictly in its meaning: what is no text, no list of words or no
list of objects becomes null, and null denies.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.sheets.columns import KNOWN_COLUMNS, QUESTION_ANSWER, TEXT_COLUMNS
from training_pipeline.sheets.files.json_objects import DEEPEST
from training_pipeline.sheets.files.rows import csv_records, read_rows
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.pair_columns import pair_expressions

MESSAGES_TYPE: Final = (
    "STRUCT(role VARCHAR, content VARCHAR, name VARCHAR, weight DOUBLE, tool_calls VARCHAR, tool_call_id VARCHAR)[]"
)

#: JSON to the types of `PAIR_SCHEMA`. A weight that is no number becomes -1, which no gate takes for a weight; JSON's
#: true is no number. `tool_calls` counts where it is a list with something in it, or the JSON text of one. `json_valid`
#: allows NaN, Infinity and a comma after the last element, `is_json` does not. JSON text that is nested 1000 deep is no
#: JSON to `json_of`, as to a warehouse.
MACROS: Final = """
CREATE TEMP MACRO string_or_number_of(x) AS
    CASE WHEN json_type(x) IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'DOUBLE') THEN x ->> '$' END;
CREATE TEMP MACRO stated(x) AS CASE WHEN json_type(x) <> 'NULL' THEN x END;
CREATE TEMP MACRO string_of(x) AS CASE WHEN json_type(x) = 'VARCHAR' THEN x ->> '$' END;
CREATE TEMP MACRO text_of(x) AS CASE json_type(x) WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN x ->> '$'
    ELSE x::VARCHAR END;
CREATE TEMP MACRO words_of(x) AS CASE WHEN len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'VARCHAR')) = 0
    THEN from_json(x, '["VARCHAR"]') END;
CREATE TEMP MACRO is_json(t) AS json_valid(t)
    AND NOT regexp_matches(regexp_replace(t, '"(\\\\.|[^"\\\\])*"', '', 'g'), '(?i),\\s*[\\]}]|nan|inf');
CREATE TEMP MACRO brackets(t) AS regexp_replace(regexp_replace(t, '"(\\\\.|[^"\\\\])*"', '', 'g'), '[^][{}]', '', 'g');
CREATE TEMP MACRO depth_of(t) AS list_reduce(
    list_transform(string_split(t, ''), lambda c: {'now': CASE WHEN c IN ('[', '{') THEN 1 ELSE -1 END, 'most': 1}),
    lambda a, b: {'now': a.now + b.now, 'most': greatest(a.most, a.now + b.now)}).most;
CREATE TEMP MACRO json_of(t) AS CASE WHEN is_json(t) AND (length(t) < 2000
    OR CASE WHEN length(brackets(t)) < 2000 THEN TRUE ELSE depth_of(brackets(t)) < 1000 END) THEN CAST(t AS JSON) END;
CREATE TEMP MACRO calls_of(x) AS CASE WHEN json_array_length(x) > 0 THEN CASE WHEN len(list_filter(
        json_extract(x, '$[*].function.arguments'), lambda a: json_type(a) = 'VARCHAR' AND NOT is_json(a ->> '$')
    )) > 0 THEN '' ELSE regexp_replace(x::VARCHAR, '("(?:\\\\.|[^"\\\\])*")|[ \\t\\n\\r]+', '\\1', 'g') END END;
CREATE TEMP MACRO objects_of(x) AS CASE WHEN json_type(x) = 'NULL' THEN NULL
    WHEN json_type(x) = 'ARRAY' AND len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'OBJECT')) = 0
    THEN CASE WHEN json_array_length(x) > 0 THEN json(x)::VARCHAR END ELSE '' END;
CREATE TEMP MACRO weight_of(x) AS CASE WHEN json_type(x) <> 'NULL' THEN coalesce(
    CASE WHEN json_type(x) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN TRY_CAST(x AS DOUBLE) END, -1) END;
CREATE TEMP MACRO messages_of(x) AS CASE WHEN len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'OBJECT')) = 0 THEN
    list_transform(
        from_json(x, '[{"role":"JSON","content":"JSON","name":"JSON","weight":"JSON","tool_calls":"JSON",
                        "tool_call_id":"JSON"}]'),
        lambda m: struct_pack(
            role := string_of(m.role), content := string_of(m.content), name := string_of(m.name),
            weight := weight_of(m.weight),
            tool_calls := calls_of(CASE WHEN json_type(m.tool_calls) = 'VARCHAR'
                THEN json_of(m.tool_calls ->> '$') ELSE m.tool_calls END),
            tool_call_id := string_of(m.tool_call_id))) END;
"""


#: What the engine takes for JSON and JSON does not, where it may be that, for a text may look the same: NaN, Infinity,
#: and a comma after the last element.
_NO_JSON: Final = r"(?i)[:\[,]\s*-?(nan|inf(inity)?)\s*[,\]}]|,\s*[\]}]"
#: A line that is nested too deeply; worked out only where it has so many brackets.
_TOO_DEEP: Final = f"""
CASE WHEN length(line) - length(translate(line, '[{{', '')) > {DEEPEST} THEN depth_of(brackets(line)) > {DEEPEST}
ELSE FALSE END
"""
_CSV_BATCH: Final = 10_000


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
            given = "CASE WHEN json_type(tools) = 'VARCHAR' THEN json_of(tools ->> '$') ELSE tools END"
        else:
            given = "json_of(tools)" if self.types["tools"].id == "varchar" else "to_json(tools)"
        return f"CASE WHEN tools IS NOT NULL THEN objects_of({given}) END"

    def text_literal(self, text: str | None) -> str:
        """See `PairColumns`."""
        return "NULL::VARCHAR" if text is None else quoted(text)

    def words_literal(self, words: Sequence[str] | None) -> str:
        """See `PairColumns`."""
        return "NULL::VARCHAR[]" if words is None else f"[{', '.join(map(quoted, words))}]::VARCHAR[]"


def inspect(connection: duckdb.DuckDBPyConnection, data: Path, head: Head) -> RawFile:
    """Look at a file: its columns, whether it has rows, and for JSONL whether every line is a sound object.

    Reads the file once from end to end, and keeps the fields of CSV in a table of the connection. Raises whatever
    DuckDB, Arrow and Python raise for what they cannot read.
    """
    match data.suffix.lower():
        case ".jsonl":
            return _inspect_jsonl(connection, data, head)
        case ".csv":
            return _inspect_csv(connection, data, head)
        case _:
            return _inspect_parquet(connection, data)


def select_pairs(raw: RawFile, head: Head) -> str:
    """The SELECT that yields exactly `PAIR_SCHEMA`; defaults fill missing columns, never wrong values. Pure."""
    made = pair_expressions(raw, head.defaults.stated())
    selected = ", ".join(f"{expression} AS {name}" for name, expression in made.items())
    return f"SELECT {selected} FROM {raw.relation}"  # noqa: S608 - built from our own names and quoted values


def quoted(text: str) -> str:
    """A text as an SQL literal. Pure."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier. Pure."""
    return '"' + name.replace('"', '""') + '"'


def _inspect_jsonl(connection: duckdb.DuckDBPyConnection, data: Path, head: Head) -> RawFile:
    lines = connection.execute(
        f"SELECT json_type(json), json_keys(json), regexp_matches(line, ?) OR {_TOO_DEEP} "  # noqa: S608 - our own
        "FROM (SELECT json, json::VARCHAR AS line FROM read_ndjson_objects(?)) GROUP BY ALL",
        [_NO_JSON, _pattern(data)],
    ).fetchall()
    names = list(dict.fromkeys(key for _, keys, _ in lines for key in keys))
    with data.open("rb") as file:
        marked = file.read(3) == codecs.BOM_UTF8  # the engine takes it with one thread and refuses it with two
    faulty = marked or any(kind != "OBJECT" or len(set(keys)) < len(keys) for kind, keys, _ in lines)
    if not faulty and any(doubtful for *_, doubtful in lines):
        faulty = any(row.values is None for row in read_rows(data, head))
    # Read as VARCHAR, a string is its text and anything else its JSON text; read as JSON, a value keeps its type.
    types = {name: duckdb.sqltypes.DuckDBPyType("VARCHAR" if name in TEXT_COLUMNS else "JSON") for name in names}
    read = [name for name in names if name in KNOWN_COLUMNS]
    wanted = ", ".join(f"{quoted(name)}: '{types[name]}'" for name in read)
    relation = f"read_json({quoted(_pattern(data))}, format = 'newline_delimited', columns = {{{wanted}}})"
    return RawFile(relation, types, faulty, empty=not lines)


def _inspect_csv(connection: duckdb.DuckDBPyConnection, data: Path, head: Head) -> RawFile:
    """Takes the fields into a table, as Python's reader has them: the engine's own takes what is no CSV."""
    records = csv_records(data, head)
    names = [name or "" for name in next(records, [])]
    types = dict.fromkeys(names, duckdb.sqltypes.VARCHAR)
    if not names:
        return RawFile("", types, empty=True)
    columns = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
    connection.execute(f"CREATE TEMP TABLE csv_fields ({columns})")
    empty = True
    while batch := list(islice(records, _CSV_BATCH)):
        arrays = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
        connection.register("csv_batch", pa.Table.from_arrays(arrays, names))
        connection.execute("INSERT INTO csv_fields SELECT * FROM csv_batch")
        connection.unregister("csv_batch")
        empty = False
    return RawFile("csv_fields", types, empty=empty, list_separator=head.list_separator)


def _inspect_parquet(connection: duckdb.DuckDBPyConnection, data: Path) -> RawFile:
    with pq.ParquetFile(data) as file:
        metadata = file.metadata
        names = [name for name in file.schema_arrow.names if name in KNOWN_COLUMNS]
        for _ in file.iter_batches(columns=names):
            pass  # the engine reads pages that contradict themselves as if nothing were wrong; Arrow refuses them
    relation = _plain(f"read_parquet({quoted(_pattern(data))})", metadata.schema.to_arrow_schema())
    described = connection.sql(f"SELECT * FROM {relation}")  # noqa: S608
    types = dict(zip(described.columns, described.types, strict=True))
    return RawFile(relation, types, empty=not metadata.num_rows, no_tool_calls=_no_tool_calls(metadata))


def _plain(relation: str, schema: pa.Schema) -> str:
    """The relation with what the engine has in another way than JSON: a column of nulls only, and what is no number."""
    named = {field.name: identifier(field.name) for field in schema}
    changed = [f"CAST({named[f.name]} AS VARCHAR) AS {named[f.name]}" for f in schema if pa.types.is_null(f.type)]
    floats = [named[field.name] for field in schema if pa.types.is_floating(field.type)]
    changed += [f"CASE WHEN NOT isnan({name}) THEN {name} END AS {name}" for name in floats]
    return f"(SELECT * REPLACE ({', '.join(changed)}) FROM {relation})" if changed else relation  # noqa: S608


def _no_tool_calls(metadata: Any) -> bool:
    for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
        for column in (group.column(index) for index in range(group.num_columns)):
            try:
                parts = column.path_in_schema.split(".")
            except UnicodeDecodeError:  # a footer that says nothing sure
                return False
            if parts[0] == "messages" and "tool_calls" in parts:
                statistics = column.statistics
                if statistics is None or not statistics.has_null_count or statistics.null_count < column.num_values:
                    return False
    return True


def _pattern(path: Path) -> str:
    """The path as DuckDB takes it: characters that would make it a pattern stand for themselves."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))


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
    """Text columns that hold lists or objects, and columns that hold bytes anywhere, with the type they have. Pure."""
    nested = {"list", "struct", "map", "array", "union"}
    texts = {name for name in (*TEXT_COLUMNS, *QUESTION_ANSWER) if name in raw.types and raw.types[name].id in nested}
    kinds = {name: str(raw.types[name]) for name in KNOWN_COLUMNS if name in raw.types}
    return {name: kind for name, kind in kinds.items() if name in texts or "BLOB" in kind}
