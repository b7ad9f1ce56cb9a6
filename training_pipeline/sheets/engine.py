"""The engine that evaluates expressions over the pairs of an open sheet: its interface, and DuckDB in this process.

The rules and everything that counts, splits and writes are the same expressions whatever the engine is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Protocol
from uuid import uuid4

import ibis.expr.operations as ops
import ibis.expr.types as ir

from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.sheets.plan import Dialect, Plan

DUCKDB_SQL: Final = Dialect("duckdb", DUCKDB, rendered)


class Engine(Protocol):
    """An engine that holds the pairs. An expression may be fetched as long as the sheet is open."""

    @property
    def is_remote(self) -> bool:
        """Whether fetching moves rows over a network: then no text is fetched but that of pairs that passed."""
        ...

    @property
    def dialect(self) -> Dialect:
        """The SQL that plans for this engine are written in."""
        ...

    def work_out(self, plan: Plan, pairs: ir.Table) -> AbstractContextManager[ir.Table]:
        """What `plan` comes to for `pairs`, as a table of this engine; readable inside the context."""
        ...

    def fetch(self, table: ir.Table) -> AbstractContextManager[ir.Table]:
        """The rows of `table` in our DuckDB; readable inside the context, while the sheet is open.

        Raises `Unavailable` where a remote engine does not answer.
        """
        ...


class DuckDB:
    """Our own DuckDB, in this process: what it holds need not be fetched."""

    is_remote = False
    dialect = DUCKDB_SQL

    @contextmanager
    def work_out(self, plan: Plan, pairs: ir.Table) -> Iterator[ir.Table]:
        """Kept steps become temporary tables. The others are part of what reads them, and the last one a view: DuckDB
        looks through all that a view says when it is made, and again wherever it is read.
        """
        here: Any = pairs.get_backend()
        prefix = f"plan_{uuid4().hex}_"
        source = f"{prefix}pairs"
        with ExitStack() as held:

            def make(kind: str, name: str, query: str) -> None:
                here.con.execute(f'CREATE TEMP {kind} "{name}" AS {query}')
                held.callback(here.con.execute, f'DROP {kind} IF EXISTS "{name}"')

            here.create_view(source, pairs)
            held.callback(here.drop_view, source, force=True)
            last, parts = plan.steps[-1], dict[str, str]()
            for step in plan.steps:
                name, query = prefix + step.name, _with(parts, step.sql(source, prefix))
                if step.kept or step is last:
                    make("TABLE" if step.kept else "VIEW", name, query)
                else:
                    parts[name] = query
            # Not `here.table`: DuckDB would plan all of it once more to say what columns it has.
            yield ops.DatabaseTable(prefix + last.name, schema=last.schema, source=here).to_expr()

    @contextmanager
    def fetch(self, table: ir.Table) -> Iterator[ir.Table]:
        """The table itself."""
        yield table


def _with(parts: Mapping[str, str], query: str) -> str:
    """The query, with those of the named queries that it reads."""
    read = [f'"{name}" AS NOT MATERIALIZED ({part})' for name, part in parts.items() if f'"{name}"' in query]
    return f"WITH {', '.join(read)} ({query})" if read else query
