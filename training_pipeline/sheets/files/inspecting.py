"""A look at a file of pairs by DuckDB: the columns it has, whether it has rows, and whether it is sound."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.columns import KNOWN_COLUMNS, TEXT_COLUMNS
from training_pipeline.sheets.files.duckdb_sql import RawFile, identifier, quoted, wrong_types
from training_pipeline.sheets.files.json_objects import DEEPEST
from training_pipeline.sheets.files.rows import csv_records, parquet_batches, read_rows
from training_pipeline.sheets.head import Head

#: What the engine takes for JSON and JSON does not, where it may be that, for a text may look the same: NaN, Infinity,
#: and a comma after the last element.
_NO_JSON: Final = r"(?i)[:\[,]\s*-?(nan|inf(inity)?)\s*[,\]}]|,\s*[\]}]"
#: A line that is nested too deeply; worked out only where it has so many brackets, and they are closed.
_TOO_DEEP: Final = f"""
CASE WHEN strlen(line) <= {2 * DEEPEST} THEN FALSE
WHEN strlen(line) - strlen(replace(replace(line, '[', ''), '{{', '')) > {DEEPEST}
THEN depth_of(brackets(line)) > {DEEPEST}
ELSE FALSE END
"""
_CSV_BATCH: Final = 10_000


def inspect(connection: duckdb.DuckDBPyConnection, data: Path, head: Head) -> RawFile:
    """Look at a file: its columns, whether it has rows, and for JSONL whether every line is a sound object.

    Reads the file once from end to end, and keeps the fields of CSV in a table of the connection, to be dropped by the
    caller. Raises whatever DuckDB, Arrow and Python raise for what they cannot read.
    """
    match data.suffix.lower():
        case ".jsonl":
            return _inspect_jsonl(connection, data, head)
        case ".csv":
            return _inspect_csv(connection, data, head)
        case _:
            return _inspect_parquet(connection, data)


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
    return RawFile("csv_fields", types, empty=empty, list_separator=head.list_separator, is_kept=True)


def _inspect_parquet(connection: duckdb.DuckDBPyConnection, data: Path) -> RawFile:
    with pq.ParquetFile(data) as file:
        metadata = file.metadata
        names = [name for name in file.schema_arrow.names if name in KNOWN_COLUMNS]
        for _ in parquet_batches(file, names):
            pass  # the engine reads pages that contradict themselves as if nothing were wrong; Arrow refuses them
    relation = _plain(f"read_parquet({quoted(_pattern(data))})", metadata.schema.to_arrow_schema())
    described = connection.sql(f"SELECT * FROM {relation}")  # noqa: S608
    types = dict(zip(described.columns, described.types, strict=True))
    if any(contradicted(metadata.schema.to_arrow_schema(), types)):
        raise pa.ArrowInvalid("the engine reads other columns than Arrow")
    return RawFile(relation, types, empty=not metadata.num_rows, no_tool_calls=_no_tool_calls(metadata))


def parquet_problems(data: Path) -> Iterator[Problem]:
    """What the engine has against a Parquet file that Arrow reads; nothing for other files. Reads all of it."""
    if data.suffix.lower() != ".parquet":
        return
    schema = pq.read_schema(data)
    with duckdb.connect() as engine:
        try:
            file = f"read_parquet({quoted(_pattern(data))})"
            engine.execute(f"SELECT bool_and(hash(COLUMNS(*)) IS NOT NULL) FROM {file}")  # noqa: S608
            read = engine.sql(f"SELECT * FROM {file}")  # noqa: S608
            types = dict(zip(read.columns, read.types, strict=True))
        except duckdb.OutOfMemoryException:
            raise MemoryError from None
        except duckdb.Error as error:  # its text may quote the file
            text = f"cannot be read as Parquet by the engine that judges pairs ({type(error).__name__}); write it again"
            yield Problem("", "corrupt_parquet", text)
            return
    for name, kind in wrong_types(RawFile("", types)).items():  # where the schema that Arrow wrote says something else
        yield Problem(name, "wrong_type", f"is {kind} to the engine that judges pairs; expected text")
    for name in contradicted(schema, types):
        text = (
            f"is {types[name]} to the engine that judges pairs, and {schema.field(name).type} to Arrow; write it again"
        )
        yield Problem(name, "corrupt_parquet", text)


def contradicted(schema: pa.Schema, types: Mapping[str, duckdb.sqltypes.DuckDBPyType]) -> Iterator[str]:
    """Known columns in which a footer that contradicts itself has the engine see other lists and objects than Arrow."""
    for name in KNOWN_COLUMNS:
        index = schema.get_field_index(name)
        if name in types and index >= 0 and _outline(schema.field(index).type) != _seen(types[name]):
            yield name


def _outline(kind: pa.DataType) -> object:
    if pa.types.is_map(kind):
        return "map"
    if pa.types.is_struct(kind):
        return {field.name: _outline(field.type) for field in kind}
    return [_outline(kind.value_type)] if pa.types.is_nested(kind) else None


def _seen(kind: Any) -> object:
    if kind.id == "map":
        return "map"
    if kind.id == "struct":
        return {name: _seen(child) for name, child in kind.children}
    return [_seen(kind.children[0][1])] if kind.id in {"list", "array"} else None


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
