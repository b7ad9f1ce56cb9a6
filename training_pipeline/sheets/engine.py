"""The engine that evaluates expressions over the pairs of an open sheet: its interface, and DuckDB in this process.

The rules and everything that counts, splits and writes are the same expressions whatever the engine is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import ibis.expr.types as ir

from training_pipeline.domain.rules import rendering
from training_pipeline.domain.rules.engine_words import DUCKDB, EngineWords


class Engine(Protocol):
    """An engine that holds the pairs. An expression may be fetched as long as the sheet is open."""

    @property
    def is_remote(self) -> bool:
        """Whether fetching moves rows over a network: then no text is fetched but that of pairs that passed."""
        ...

    def rendered(self, messages: ir.ArrayValue) -> ir.StringValue:
        """`rendering.rendered` in the words of the engine; the same bytes."""
        ...

    @property
    def words(self) -> EngineWords:
        """What the engine calls the functions that rules need."""
        ...

    def name(self, table: ir.Table) -> ir.Table:
        """`table`, so that a query which uses it several times spells it out once."""
        ...

    def keep(self, table: ir.Table) -> AbstractContextManager[ir.Table]:
        """`table`, worked out once where the engine can hold it; readable inside the context."""
        ...

    def fetch(self, table: ir.Table) -> AbstractContextManager[ir.Table]:
        """The rows of `table` in our DuckDB; readable inside the context, while the sheet is open.

        Raises `Unavailable` where a remote engine does not answer.
        """
        ...


class DuckDB:
    """Our own DuckDB, in this process: what it holds need not be fetched."""

    is_remote = False
    words = DUCKDB

    def rendered(self, messages: ir.ArrayValue) -> ir.StringValue:
        """See `Engine`."""
        return rendering.rendered(messages)

    def name(self, table: ir.Table) -> ir.Table:
        """The table itself: the engine folds what it must."""
        return table

    def keep(self, table: ir.Table) -> AbstractContextManager[ir.Table]:
        """A temporary table."""
        kept: AbstractContextManager[ir.Table] = table.cache()
        return kept

    @contextmanager
    def fetch(self, table: ir.Table) -> Iterator[ir.Table]:
        """The table itself."""
        yield table
