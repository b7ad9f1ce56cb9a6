"""Every problem of every row of a training sheet, streamed: memory does not grow with the text of the pairs."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from training_pipeline.domain.rules.examples.chat_format import Problem, Severity, is_blank, pair_problems, text_of
from training_pipeline.domain.rules.plain_comparison import questions, spoken
from training_pipeline.domain.rules.text.plain_form import strict
from training_pipeline.sheets.columns import QUESTION_ANSWER, column_problems
from training_pipeline.sheets.files.inspecting import parquet_problems
from training_pipeline.sheets.files.rows import declared_columns, read_rows, wrong_columns
from training_pipeline.sheets.head import Head

#: What the gates say of a pair without the column, by the column.
_MISSING = {problem.path: problem for problem in pair_problems({})}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found: every count, and the first problems, errors before warnings, each in the order of lines."""

    rows: int
    counts: Mapping[str, int]
    errors: int
    warnings: int
    problems: tuple[Problem, ...]

    @property
    def not_shown(self) -> int:
        """Problems that were counted and are not among `problems`."""
        return self.errors + self.warnings - len(self.problems)


@dataclass(slots=True)
class _Tally:
    """Counts everything and keeps the first `limit` problems of each severity."""

    limit: int
    counts: Counter[str] = field(default_factory=Counter)
    totals: Counter[Severity] = field(default_factory=Counter)
    kept: dict[Severity, list[Problem]] = field(default_factory=lambda: {severity: [] for severity in Severity})

    def add(self, problem: Problem) -> None:
        severity = problem.severity
        self.counts[problem.code] += 1
        self.totals[severity] += 1
        if len(self.kept[severity]) < self.limit:
            self.kept[severity].append(problem)

    def first(self) -> tuple[Problem, ...]:
        problems = [
            problem
            for severity in (Severity.ERROR, Severity.WARNING)
            for problem in sorted(self.kept[severity], key=lambda problem: problem.line or 0)
        ]
        return tuple(problems[: self.limit])


def check(data: Path, head: Head, *, limit: int = 100) -> CheckReport:
    """Look at every row of a sheet's file and report every problem; reads the file once (Parquet twice).

    Duplicates are found by 128-bit hashes, 72 bytes a row.
    """
    tally, seen = _Tally(limit), _Seen()
    stated = head.defaults.stated()
    filled = {name: array("q") for name in stated if name in _MISSING}
    declared = declared_columns(data, head)
    columns: dict[str, int | None] = dict(declared or {})
    rows = 0
    for row in read_rows(data, head):
        rows += 1
        for problem in row.problems:
            tally.add(problem)
        if row.values is not None:
            if declared is None:
                for name in row.values:
                    columns.setdefault(name, row.line)
            pair = complete(row.values, stated)
            for name in filled.keys() - row.values.keys():
                filled[name].append(row.line)
            for problem in pair_problems(pair):
                path = _in_columns(problem.path, row.values)
                tally.add(Problem(path, problem.code, problem.message, row.line))
            seen.add(row.line, pair)
    for name in filled.keys() & columns.keys():  # a default fills no gap of a column that is there
        for line in filled[name]:
            tally.add(replace(_MISSING[name], line=line))
    if columns:
        for problem in (*column_problems(columns, head), *wrong_columns(data)):
            tally.add(problem)
    if not rows:
        tally.add(Problem("", "empty_file", "holds no pairs; a training sheet needs at least one"))
    for problem in seen.problems():
        tally.add(problem)
    if not tally.totals[Severity.ERROR]:
        for problem in parquet_problems(data):
            tally.add(problem)
    errors, warnings = tally.totals[Severity.ERROR], tally.totals[Severity.WARNING]
    return CheckReport(rows, dict(tally.counts.most_common()), errors, warnings, tally.first())


def complete(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the gates get it: defaults where it lacks the column, and question and answer as messages."""
    filled = {name: value for name, value in defaults.items() if name not in values}
    pair = {**filled, **{name: value for name, value in values.items() if value is not None}}
    if "messages" not in values and ("question" in values or "answer" in values):
        pair["messages"] = [
            {"role": role, "content": values.get(column)}
            for column, role in QUESTION_ANSWER.items()
            if column != "system" or values.get(column) is not None
        ]
    return pair


def _in_columns(path: str, values: Mapping[str, Any]) -> str:
    """The column that a path in `messages` comes from, where the messages were made from question and answer."""
    if "messages" in values or not path.startswith("messages["):
        return path
    index = int(path[len("messages[") : path.index("]")])
    present = [column for column in QUESTION_ANSWER if column != "system" or values.get(column) is not None]
    return present[index]


class _Seen:
    """Hashes of the pair ids, examples and questions seen so far, with their lines."""

    def __init__(self) -> None:
        self._lines = array("q")
        self._ids, self._examples = bytearray(), bytearray()
        self._questions, self._answers = bytearray(), bytearray()

    def add(self, line: int, pair: Mapping[str, Any]) -> None:
        messages = pair.get("messages")
        sound = isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
        pair_id = text_of(pair.get("pair_id"))
        self._lines.append(line)
        self._ids += _hash(b"" if is_blank(pair_id) or pair_id is None else pair_id.encode(), line)
        self._examples += _hash(_copied(messages, pair.get("tools")) if sound and messages else b"", line)
        question, answer = _question_and_answer(messages) if sound and messages else (b"", b"")
        self._questions += _hash(question, line)
        self._answers += _hash(answer, line)

    def problems(self) -> Iterator[Problem]:
        lines = np.frombuffer(self._lines, dtype=np.int64)
        ids, examples, questions, answers = (
            np.frombuffer(hashes, dtype=[("a", "u8"), ("b", "u8")])
            for hashes in (self._ids, self._examples, self._questions, self._answers)
        )
        first, again = _first_of_each(ids)
        for position in np.flatnonzero(np.isin(first, first[again])):
            where = f"on line {lines[first[position]]} too" if again[position] else "on later lines too"
            message = f"stands {where}; every pair needs its own id"
            yield Problem("pair_id", "duplicate_pair_id", message, int(lines[position]))
        first, again = _first_of_each(examples)
        for position in np.flatnonzero(again):
            message = f"is the same example as line {lines[first[position]]}"
            yield Problem("messages", "duplicate_example", message, int(lines[position]))
        first, again = _first_of_each(questions)
        for position in np.flatnonzero(again & (answers != answers[first])):
            message = f"asks the same as line {lines[first[position]]} and answers differently"
            yield Problem("messages", "same_question_different_answers", message, int(lines[position]))


def _first_of_each(keys: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each position the first one with the same key, and whether that is an earlier one."""
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    first = np.asarray(firsts[inverse])
    return first, first != np.arange(len(keys))


def _hash(content: bytes, line: int) -> bytes:
    """128 bits of the content; of the line where there is no content, so that nothing equals it."""
    if content:
        return hashlib.blake2b(content, digest_size=16).digest()
    return hashlib.blake2b(str(line).encode(), digest_size=16, person=b"no content").digest()


def _copied(messages: list[dict[str, Any]], tools: object) -> bytes:
    """What makes an example a copy of another: roles, tool calls, contents in their strict form, and tools."""
    contents = (message.get("content") for message in messages)
    said = [strict(content) if isinstance(content, str) else content for content in contents]
    kept = [
        [message.get("role"), content, message.get("tool_calls")]
        for message, content in zip(messages, said, strict=True)
    ]
    return json.dumps([kept, tools or None], default=str).encode()


def _question_and_answer(messages: list[dict[str, Any]]) -> tuple[bytes, bytes]:
    """The last question that an example asks, in its normal form, and what it is answered; empty where it asks none."""
    parts = spoken(messages)
    last = next(reversed(questions(parts)), [])
    return (last[0] if last else "").encode(), "".join(parts[-1:]).encode()
