"""How columns become pairs, whatever the engine: what fills a gap, and what denies.

Each kind of source spells its columns out in the SQL of its engine (`PairColumns`); the meaning stands here once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.columns import LIST_COLUMNS


class PairColumns(Protocol):
    """The columns of a file or table, as SQL expressions of one engine."""

    def __contains__(self, name: str, /) -> bool:
        """Whether there is a column for `name`."""
        ...

    def text(self, name: str) -> str:
        """The column as text."""
        ...

    def stated(self, name: str) -> str:
        """The column; null where it states nothing, as JSON's null does."""
        ...

    def words(self, name: str) -> str:
        """The list of words in the column; null where it holds anything else."""
        ...

    def messages(self) -> str:
        """The messages, be they a column or made of question and answer; null where they are malformed."""
        ...

    def tools(self) -> str:
        """The column `tools` as `PAIR_SCHEMA` has it: empty where it holds no list of objects."""
        ...

    def text_literal(self, text: str | None) -> str:
        """A text, or a null of that type."""
        ...

    def words_literal(self, words: Sequence[str] | None) -> str:
        """A list of words, or a null of that type."""
        ...


def pair_expressions(columns: PairColumns, defaults: Mapping[str, Any]) -> dict[str, str]:
    """An expression for every column of `PAIR_SCHEMA`; defaults fill missing columns, never a null or wrong value."""
    made = {name: _expression(columns, name, defaults.get(name)) for name in PAIR_SCHEMA}
    # A label's constraint that cannot be read must not pass for a label without constraints.
    broken = [
        f"({columns.stated(name)} IS NOT NULL AND {columns.words(name)} IS NULL)"
        for name in LIST_COLUMNS
        if name.startswith("label_") and name in columns
    ]
    if broken:
        made["allowed_uses"] = f"CASE WHEN NOT ({' OR '.join(broken)}) THEN {made['allowed_uses']} END"
    return made


def _expression(columns: PairColumns, name: str, default: Any) -> str:
    if name == "messages":
        return columns.messages()
    if name == "tools" and name in columns:
        return columns.tools()
    if name in LIST_COLUMNS:
        filler = columns.words_literal(default)
        if name not in columns:
            return filler
        return columns.words(name)
    filler = columns.text_literal(default)
    return columns.text(name) if name in columns else filler
