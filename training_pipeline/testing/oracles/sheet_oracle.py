"""What the library makes of a training sheet's files, judged by other readers than its own: findings, or nothing."""

from __future__ import annotations

import csv
import io
import json
import math
import traceback
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from training_pipeline.domain.errors import PipelineError, SheetUnreadable
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.testing.sheets.mutated_sheets import SECRET, MutatedSheet

_WORDS: Final = ("allowed_uses", "prohibited_uses")
#: What stands around words and means nothing: every blank that is none of ASCII's controls.
_BLANKS: Final = "".join(character for character in map(chr, range(0x3001)) if unicodedata.category(character) == "Zs")
#: Stands for a value that Python cannot hold.
_BEYOND: Final = object()
#: Stands for a text that other readers may write in another way.
_ANY: Final = "\0any"
_STATED: Final = ("status", "allowed_uses", "prohibited_uses", "data_classification")
_TEXTS: Final = ("pair_id", "item_ref", "status", "data_classification", "usage_reason")
_COMPARED: Final = (*_TEXTS, *_WORDS, "messages", "question", "answer")

Row = dict[str, Any]


class _Wrong(Exception):
    """The file is none of its format, to whoever reads it afresh."""


def judge(made: MutatedSheet, directory: Path) -> list[str]:
    """Write the sheet into an empty directory, do with it all that is done with sheets, and say what was wrong."""
    (directory / "s.yaml").write_bytes(made.head)
    (directory / f"s{made.suffix}").write_bytes(made.pairs)
    sheets = FileTrainingSheets([directory], memory_limit="300MB", threads=1, temp_directory=directory / "spill")
    findings = _Findings()
    with findings.collected("list"):
        names = [sheet.id for sheet in sheets.list()] + list(sheets.unreadable())
        if names != ["s"]:
            findings.add(f"list: the sheet stands {names.count('s')} times in it")
    errors = None
    with findings.collected("check"):
        files = sheets.files("s")
        findings.extend(_head_findings(files.head, made.head))
        report = check(files.data, files.head, limit=10_000)
        errors = report.errors
        findings.leaks("check", [f"{problem.path} {problem.message}" for problem in report.problems])
    with findings.collected("open", may_refuse=errors != 0):
        with sheets.open("s") as opened:
            rows = opened.pairs.to_pyarrow().to_pylist()
        findings.extend(_row_findings(made, files.head, rows))
    with findings.collected("import"):
        imported = import_sheet(_request(directory / f"s{made.suffix}"), directory / "in")
        if (count := check(imported.data, imported.head).rows) != imported.rows:
            findings.add(f"import: {imported.rows} rows written, {count} read")
    return findings.found


class _Findings:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._what, self._may_refuse = "", True

    def add(self, finding: str) -> None:
        self.found.append(finding)

    def extend(self, findings: Iterator[str]) -> None:
        self.found.extend(findings)

    def leaks(self, what: str, texts: list[str]) -> None:
        self.found.extend(f"{what}: shows the text of a pair" for text in texts if SECRET in text)

    def collected(self, what: str, *, may_refuse: bool = True) -> _Findings:
        self._what, self._may_refuse = what, may_refuse
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, PipelineError):
            told = [f"{problem.pointer} {problem.message}" for problem in error.problems] + [error.message, error.hint]
            self.leaks(self._what, told)
            if not self._may_refuse and isinstance(error, SheetUnreadable):
                self.add(f"{self._what}: refused, and check finds no error: {error.problems[0].message[:100]}")
            return True
        if isinstance(error, Exception):
            last = traceback.extract_tb(error.__traceback__)[-1]
            self.add(f"{self._what}: traceback {type(error).__name__} in {Path(last.filename).name}:{last.lineno}")
            return True
        return False


def _request(file: Path) -> ImportRequest:
    reference = Reference(id="r")
    return ImportRequest(
        file=file,
        id="new",
        sheet_status=SheetStatus.APPROVED,
        mapping=ColumnMapping(columns={name: (name,) for name in _STATED}),
        source=reference,
        template=reference,
    )


class Libyaml(yaml.CSafeLoader):
    """libyaml, which has no constructor for a plain `<<` and `=`: text where they merge nothing."""


for _sign in ("merge", "value"):
    Libyaml.add_constructor(f"tag:yaml.org,2002:{_sign}", lambda _, node: node.value)


def _head_findings(head: Head, content: bytes) -> Iterator[str]:
    """A head that was accepted: libyaml reads the same in it, and it can be stored."""
    try:
        document = yaml.load(content.decode("utf-8-sig"), Loader=Libyaml)
        if Head.model_validate(document) != head:
            yield "head: libyaml reads something else"
    except Exception as error:  # noqa: BLE001 - whatever it raises, it is a finding
        # In `{a:[]}` the colon ends the key, as the specification has it; libyaml wants a blank there.
        if getattr(error, "problem", None) != "found unexpected ':'":
            yield f"head: accepted, and libyaml refuses it: {type(error).__name__}"
    try:
        stored = json.dumps(head.sheet("s").model_dump(mode="json"), allow_nan=False, ensure_ascii=False).encode()
        if b"\\u0000" in stored:
            yield "head: accepted with NUL"
    except (ValueError, TypeError, RecursionError) as error:
        yield f"head: accepted, and cannot be stored: {type(error).__name__}"


def _row_findings(made: MutatedSheet, head: Head, rows: list[Row]) -> Iterator[str]:
    read = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[made.suffix]
    try:
        read_afresh = list(read(made.pairs, head))
    except _Wrong as error:
        yield f"open: accepted, though {error}"
        return
    columns = {name for row in read_afresh for name in row}
    expected = [_pair(row, head, columns) for row in read_afresh]
    for row in rows:
        if row.get("messages") is not None:
            row["messages"] = [message and _plain(message) for message in row["messages"]]
    names = [name for name in expected[0] if all(row[name] != _ANY for row in expected)] if expected else []
    by_id = "pair_id" in names
    for name in names:
        if _sorted(name, expected, by_id) != _sorted(name, rows, by_id):
            yield f"open: other values than expected in {name}"
    if len(rows) != len(expected):
        yield f"open: {len(rows)} rows instead of {len(expected)}"


def _sorted(name: str, rows: list[Row], by_id: bool) -> list[str]:
    return sorted(json.dumps([row["pair_id"] if by_id else None, row[name]], default=repr) for row in rows)


def _pair(row: Mapping[str, Any], head: Head, columns: set[str]) -> Row:
    """The pair: a default fills a column that no row has, and nothing else."""
    filled = {**{name: value for name, value in head.defaults.stated().items() if name not in columns}, **row}
    pair: Row = {name: _text(filled.get(name)) for name in _TEXTS}
    for name in _WORDS:
        words = filled.get(name)
        pair[name] = words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None
    if "messages" in row:
        messages = row["messages"]
        sound = isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
        pair["messages"] = [_plain(message) for message in messages] if sound else None
    return pair


def _plain(message: Mapping[str, Any]) -> Row:
    return {key: value if isinstance(value := message.get(key), str) else None for key in ("role", "content")}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else getattr(value, "text", _ANY)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is written."""

    text: str

    @classmethod
    def of(cls, written: str) -> _Number:
        """The number; minus nothing is nothing."""
        return cls("0" if written == "-0" else written)

    @classmethod
    def of_fraction(cls, written: str) -> _Number:
        """The number that it is, for 0.1e1 and 1.0 are one; as it is written where no double holds it."""
        value = float(written)
        return cls(repr(value) if math.isfinite(value) else written)


def _jsonl(content: bytes, _: Head) -> Iterator[Row]:
    def no_constant(name: str) -> NoReturn:
        raise ValueError(name)

    def first_counts(pairs: list[tuple[str, Any]]) -> Row:
        return dict(reversed(pairs))

    numbers: dict[str, Any] = {"parse_int": _Number.of, "parse_float": _Number.of_fraction}
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode(), object_pairs_hook=first_counts, parse_constant=no_constant, **numbers)
        except (ValueError, RecursionError):
            raise _Wrong(f"line {number} is no JSON") from None
        if not isinstance(row, dict):
            raise _Wrong(f"line {number} is no object")
        yield row


def _csv(content: bytes, head: Head) -> Iterator[Row]:
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        records = [record for record in csv.reader(text, delimiter=head.delimiter, strict=True) if record]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _Wrong(f"it is no CSV: {type(error).__name__}") from None
    header = records[0]
    for record in records[1:]:
        if len(record) != len(header):
            raise _Wrong("a record has more or fewer fields than the header")
        row: Row = {name: text or None for name, text in zip(header, record, strict=True)}
        for name in _WORDS:
            if (words := row.get(name)) is not None:
                row[name] = _words(words, head.list_separator)
        yield row


def _words(text: str, separator: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    words = [word.strip(_BLANKS) for word in text.split(separator)]
    return [word for word in words if word] or text


def _parquet(content: bytes, head: Head) -> Iterator[Row]:
    try:
        names = pq.read_schema(io.BytesIO(content)).names
        table = pq.read_table(io.BytesIO(content), columns=[name for name in names if name not in head.ignored_columns])
    except Exception as error:  # noqa: BLE001 - whatever it raises, Arrow cannot read it
        raise _Wrong(f"Arrow cannot read it: {type(error).__name__}") from None
    columns: Row = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns[name] = [None if value != value else value for value in column.to_pylist()]
        except Exception:  # noqa: BLE001 - what Python cannot hold
            if name in _COMPARED and pa.types.is_string(column.type):
                raise _Wrong(f"the column {name} is no UTF-8") from None
            columns[name] = [_BEYOND] * len(table)
    for position in range(len(table)):
        yield {name: values[position] for name, values in columns.items()}
