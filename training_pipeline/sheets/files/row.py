"""One row of a file of pairs, whatever the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from training_pipeline.domain.rules.examples.chat_format import Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values as JSON has them, or null and the reason why there are none."""

    line: int
    values: dict[str, Any] | None
    problems: list[Problem] = field(default_factory=list)


def broken_row(line: int, code: str, message: str) -> Row:
    """A row without values, for that reason."""
    return Row(line, None, [Problem("", code, message, line)])


def repeated_names(names: Iterable[str]) -> list[str]:
    """The names that stand more than once."""
    return sorted(name for name, times in Counter(names).items() if times > 1)
