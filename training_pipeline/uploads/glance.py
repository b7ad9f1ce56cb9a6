"""What is seen of a file on the way through it: its first rows, and the values of columns that have few."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.importing.reading.file_kind import Source
from training_pipeline.sheets.importing.value_mapping import as_text
from training_pipeline.uploads.found import FirstRow, FoundColumn

_ROWS: Final = 5
_COLUMNS: Final = 200
_VALUES: Final = 20
_LONGEST_VALUE: Final = 60
_LONGEST_CELL: Final = 200


@dataclass(slots=True)
class Glance:
    """Watches rows go by."""

    first: dict[int, FirstRow] = field(default_factory=dict)
    _values: dict[str, dict[str, None]] = field(default_factory=dict)
    _full: set[str] = field(default_factory=set)

    def watching(self, source: Source) -> Source:
        """The source, whose rows are looked at as they are read, however often that is."""

        def rows() -> Iterator[Row]:
            for row in source.rows():
                if row.values is not None:
                    self._look(row.line, row.values)
                yield row

        return replace(source, rows=rows)

    def columns(self, names: Mapping[str, object]) -> tuple[FoundColumn, ...]:
        """These columns of the file, as far as they are told apart."""
        return tuple(
            FoundColumn(
                name=name,
                values=() if name in self._full else tuple(self._values.get(name, ())),
                has_more_values=name in self._full,
            )
            for name in list(names)[:_COLUMNS]
        )

    def _look(self, line: int, values: Mapping[str, Any]) -> None:
        if len(self.first) < _ROWS and line not in self.first:
            cells = {name: shown(value) for name, value in list(values.items())[:_COLUMNS]}
            self.first[line] = FirstRow(row=line, cells=cells)
        for name, value in values.items():
            if value is None or name in self._full:
                continue
            known = self._values.get(name)
            if known is None:
                if len(self._values) >= _COLUMNS:
                    continue
                known = self._values[name] = {}
            text = as_text(value)
            if text is None or len(text) > _LONGEST_VALUE or (text not in known and len(known) >= _VALUES):
                self._full.add(name)
            elif text.strip():
                known[text] = None


def shown(value: object) -> str:
    """The beginning of a value as text."""
    if value is None:
        return ""
    text = as_text(value)
    if text is None:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
