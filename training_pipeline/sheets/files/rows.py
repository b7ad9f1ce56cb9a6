"""The rows of a file of pairs one after the other, with every structural fault on the way.

Slower than the engine and more patient: `check` reads a file this way, and so does `open` once the engine has refused
a file, to say what is wrong and where. Memory does not grow with the file.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.rules.examples.json_text import first_counts, no_constant
from training_pipeline.sheets.columns import KNOWN_COLUMNS, LIST_COLUMNS, QUESTION_ANSWER, TEXT_COLUMNS
from training_pipeline.sheets.files.json_objects import JsonObjects
from training_pipeline.sheets.files.row import Row, broken_row, repeated_names
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.shown_name import shown_name

#: Longest line or field (bytes) that is read: the engine's limit for one JSON object.
LONGEST: Final = 16 * 2**20


def read_rows(data: Path, head: Head) -> Iterator[Row]:
    """All rows of a JSONL, CSV or Parquet file in its order; what cannot be read becomes a row of problems.

    Raises `Unavailable` where memory runs out, and nothing else.
    """
    line = 0
    try:
        for row in _rows(data, head):
            line = row.line
            yield row
    except OSError as error:
        yield broken_row(
            line + 1, "unreadable_file", f"cannot be read from here on: {error.strerror or 'unknown cause'}"
        )
    except MemoryError:
        raise Unavailable(
            f"Memory ran out while {data.name} was read, after row {line}.", hint="Free memory and try again."
        ) from None


def _rows(data: Path, head: Head) -> Iterator[Row]:
    match data.suffix.lower():
        case ".jsonl":
            return _jsonl(data)
        case ".csv":
            return _csv(data, head)
        case _:
            return _parquet(data, head)


def declared_columns(data: Path, head: Head) -> dict[str, int | None] | None:
    """The columns a CSV or Parquet file declares, with their line; null for JSONL, whose rows have their own.

    Empty where the header cannot be read: `read_rows` says why.
    """
    if data.suffix.lower() == ".csv":
        try:
            with data.open("rb") as file:
                return dict.fromkeys(next(records_of(file, head.delimiter))[1], 1)
        except (StopIteration, NotUtf8, csv.Error, OSError):
            return {}
    if data.suffix.lower() == ".parquet":
        try:
            return dict.fromkeys(pq.read_schema(data).names)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - Arrow raises errors of many classes
            return {}
    return None


def wrong_columns(data: Path) -> Iterator[Problem]:
    """Columns of text that a Parquet file declares as lists or objects, and any of bytes. Reads the footer only."""
    if data.suffix.lower() != ".parquet":
        return
    try:
        schema = pq.read_schema(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - `read_rows` says why
        return
    for name, kind in zip(schema.names, schema.types, strict=True):
        is_nested = name in (*TEXT_COLUMNS, *QUESTION_ANSWER) and pa.types.is_nested(kind)
        if is_nested or (name in KNOWN_COLUMNS and "binary" in str(kind)):
            yield Problem(name, "wrong_type", f"is {kind}; expected text")


def _jsonl(data: Path) -> Iterator[Row]:
    with data.open("rb") as file:
        yield from json_lines(file)


def json_lines(file: BinaryIO) -> Iterator[Row]:
    """The objects of a JSONL file; blank lines are passed over."""
    objects = JsonObjects()
    for line, content in enumerate(bounded_lines(file), 1):
        if len(content) > LONGEST:
            yield broken_row(line, "line_too_long", f"is longer than {LONGEST // 2**20} MB")
        elif content.strip():
            yield objects.of_bytes(line, content)


def bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines, of which one longer than `LONGEST` is cut off behind it; what memory holds is bounded."""
    while content := file.readline(LONGEST + 1):
        rest = content
        while rest and not rest.endswith(b"\n") and len(rest) > LONGEST:
            rest = file.readline(LONGEST + 1)
        yield content


def csv_records(data: Path, head: Head) -> Iterator[list[str | None]]:
    """The fields of a CSV file record by record, the header first; an empty field is null.

    Raises where `read_rows` tells a problem of the file.
    """
    with data.open("rb") as file:
        width = 0
        for line, fields in records_of(file, head.delimiter):
            width = width or len(fields)
            if len(fields) != width:
                raise csv.Error(f"line {line} has {len(fields)} fields where the header has {width}")
            yield [field or None for field in fields]


def _csv(data: Path, head: Head) -> Iterator[Row]:
    with data.open("rb") as file:
        records = records_of(file, head.delimiter)
        header: list[str] | None = None
        line = 1
        try:
            for line, fields in records:
                if header is None:
                    header = fields
                    if "" in header:
                        message = "column {} has no name; is there one {!r} too many in every line?"
                        message = message.format(header.index("") + 1, head.delimiter)
                        yield broken_row(line, "unnamed_column", message)
                    for name in filter(None, repeated_names(header)):
                        problem = Problem(shown_name(name), "repeated_column", "appears twice in the header", line)
                        yield Row(line, None, [problem])
                elif len(fields) != len(header):
                    counts = f"has {len(fields)} fields where the header has {len(header)}"
                    yield broken_row(
                        line, "wrong_field_count", f"{counts}; put fields with a delimiter inside in quotes"
                    )
                else:
                    named = zip(header, fields, strict=True)
                    yield Row(line, {name: _csv_value(name, text, head) for name, text in named})
        except NotUtf8 as error:
            message = "is not UTF-8; save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
            yield broken_row(error.line, "wrong_encoding", message)
        except csv.Error as error:
            yield broken_row(line + 1, "broken_csv", f"in or after this line: {error}")


def records_of(file: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins in; raises `NotUtf8` or `csv.Error`."""

    def lines() -> Iterator[str]:
        for number, content in enumerate(bounded_lines(file), 1):
            if len(content) > LONGEST:
                raise csv.Error(f"line longer than {LONGEST // 2**20} MB")
            try:
                yield content.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise NotUtf8(number) from None

    csv.field_size_limit(LONGEST)  # of the whole process; the default of 128 kB is less than a long answer
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    begins = 1
    for fields in reader:
        if fields:
            yield begins, fields
        begins = reader.line_num + 1


class NotUtf8(Exception):
    """A line of a text file is not UTF-8."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _csv_value(column: str, text: str, head: Head) -> object:
    if not text:
        return None
    if column in LIST_COLUMNS:
        if not text.lstrip().startswith("["):
            words = [word.strip(" ") for word in text.split(head.list_separator)]
            return [word for word in words if word] or text
        return _json_or_text(text)
    return _json_or_text(text) if column == "messages" else text


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=first_counts, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return text


def _parquet(data: Path, head: Head) -> Iterator[Row]:
    line = 0
    try:
        with pq.ParquetFile(data) as file:
            if repeated := repeated_names(file.schema_arrow.names):
                twice = "stands twice in its schema"
                yield Row(1, None, [Problem(shown_name(name), "repeated_column", twice, 1) for name in repeated])
                return
            ignored = [name for name in file.schema_arrow.names if name in head.ignored_columns]
            for batch in parquet_batches(file):
                for row in batch_rows(batch.drop_columns(ignored), line + 1):
                    line = row.line
                    yield row
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Arrow raises errors of many classes
        where = f"after row {line}" if line else "from its first byte on"
        yield Row(line, None, [Problem("", "corrupt_parquet", f"cannot be read as Parquet {where}; write it again")])


def parquet_batches(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """All of a Parquet file, or these columns of it; raises at the end where it has other rows than its footer says.

    Arrow stops without a word at the end of the shortest column.
    """
    rows = 0
    for batch in file.iter_batches(batch_size=2048, columns=columns):
        rows += batch.num_rows
        yield batch
    if rows != file.metadata.num_rows:
        raise pa.ArrowInvalid("not as many rows as its footer says")


def batch_rows(batch: pa.RecordBatch, first: int) -> Iterator[Row]:
    """The rows of a batch; one by one where a value cannot be had, such as text that is no UTF-8 or the year 10,000."""
    try:
        rows = batch.to_pylist()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a value that is beyond Python, by whatever error
        rows = [None] * batch.num_rows
    for position, values in enumerate(rows):
        if values is not None:
            yield Row(first + position, _parquet_values(values))
        else:
            yield _one_row(batch, position, first + position)


def _one_row(batch: pa.RecordBatch, position: int, line: int) -> Row:
    values: dict[str, Any] = {}
    problems = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values[name] = column[position].as_py()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - see above
            message = f"is {column.type} and cannot be read: no UTF-8, or beyond what there is of its type"
            problems.append(Problem(name, "unreadable_value", message, line))
    return Row(line, None if problems else _parquet_values(values), problems)


def _parquet_values(values: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
    if isinstance(messages := row.get("messages"), str):
        row["messages"] = _json_or_text(messages)
    return row
