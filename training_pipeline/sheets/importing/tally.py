"""What was found in a file, counted, with near-identical findings told as one. No text of a pair is kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from training_pipeline.domain.rules.examples.chat_format import Problem, Severity

#: Findings that are told apart, values that are counted one by one, and rows that one finding names.
_MOST: Final = 1000
_NAMED: Final = 5
#: Names of columns, and of keys in messages, that are told apart. A file with more is refused.
MOST_COLUMNS: Final = 10_000
_INDEX: Final = re.compile(r"\[\d+\]")
_WORD: Final = re.compile(r"[\w .,/+-]{1,30}")


@dataclass(slots=True)
class Finding:
    """One problem, and the rows that have it."""

    path: str
    code: str
    message: str
    severity: Severity
    count: int = 0
    rows: list[int] = field(default_factory=list)

    def where(self, file: str, unit: str = "row") -> str:
        """File, rows and column: `pairs.csv, lines 3, 7 and 120 more, Frage`."""
        rows = ", ".join(f"{row:,}" for row in self.rows)
        more = f" and {self.count - len(self.rows):,} more" if self.count > len(self.rows) else ""
        place = f", {unit if self.count == 1 else unit + 's'} {rows}{more}" if self.rows else ""
        return f"{file}{place}{f', {self.path}' if self.path else ''}"


@dataclass(slots=True)
class Findings:
    """Problems, folded: the same fault in the same column is one finding, however many rows have it."""

    _found: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    #: Problems that belong to none of the findings, for there are too many of those.
    not_told: int = 0

    def add(self, problem: Problem) -> None:
        """Count a problem."""
        key = (_INDEX.sub("[]", problem.path), problem.code, problem.message)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST:
                self.not_told += 1
                return
            found = Finding(problem.path, problem.code, problem.message, problem.severity)
            self._found[key] = found
        found.count += 1
        if problem.line is not None and len(found.rows) < _NAMED:
            found.rows.append(problem.line)

    def __iter__(self) -> Iterator[Finding]:
        """Errors before warnings, each by the row where it is first seen."""
        return iter(sorted(self._found.values(), key=lambda one: (one.severity != Severity.ERROR, one.rows[:1])))

    def __len__(self) -> int:
        return len(self._found)

    def drop(self, codes: Collection[str]) -> None:
        """Forget the findings with these codes."""
        self._found = {key: one for key, one in self._found.items() if one.code not in codes}

    def count(self, severity: Severity) -> int:
        """How many problems of this severity there are in all."""
        return sum(one.count for one in self._found.values() if one.severity is severity)


@dataclass(slots=True)
class Tally:
    """Everything that an import found in its file."""

    rows: int = 0
    pairs: int = 0
    #: Pairs that may pass the gates as far as their form goes.
    sound: int = 0
    #: The file itself: what keeps it from being read.
    faults: Findings = field(default_factory=Findings)
    #: Its rows: what is wrong with the pairs.
    findings: Findings = field(default_factory=Findings)
    unused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    #: Values of a mapped column that mean nothing, by column of the sheet.
    unmapped: dict[str, Counter[str]] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)

    @property
    def has_too_many_columns(self) -> bool:
        """Whether there were more names than are told apart."""
        return max(len(self.columns), len(self.unused)) >= MOST_COLUMNS

    def add_column(self, name: str, *, unused: bool) -> None:
        """Note a column of the file, and count it where it is not used; nothing grows beyond `MOST_COLUMNS`."""
        if name in self.columns or len(self.columns) < MOST_COLUMNS:
            self.columns[name] = None
        if unused:
            self.add_unused(name)

    def add_unused(self, name: str, count: int = 1) -> None:
        """Count what is not used."""
        if name in self.unused or len(self.unused) < MOST_COLUMNS:
            self.unused[name] += count

    def add_unmapped(self, target: str, value: str) -> None:
        """Count a value that no word of the mapping stands for."""
        counts = self.unmapped.setdefault(target, Counter())
        shown = f"'{value}'" if _WORD.fullmatch(value) else f"a text of {len(value)} characters"
        counts[shown if shown in counts or len(counts) < _MOST else "other values"] += 1
