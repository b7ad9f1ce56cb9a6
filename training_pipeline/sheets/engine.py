"""The engine that evaluates expressions over the pairs of an open sheet: its interface, and DuckDB in this process.

The rules and everything that counts, splits and writes are the same expressions whatever the engine is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Protocol
from uuid import uuid4

import duckdb
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.sheets.plan import Dialect, Plan, Step

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
        last = plan.steps[-1]
        with _begun(here, plan, pairs, {}) as (make, name, query):
            make("TABLE" if last.kept else "VIEW", name, query)
            # Not `here.table`: DuckDB would plan all of it once more to say what columns it has.
            yield ops.DatabaseTable(name, schema=last.schema, source=here).to_expr()

    def read(self, plan: Plan, pairs: ir.Table, **beside: pa.Table) -> pa.Table:
        """What `plan` comes to, in its order. `beside` are the tables that it reads beside the pairs, by name."""
        here: Any = pairs.get_backend()
        with _begun(here, plan, pairs, beside) as (_, _, query):
            found: pa.Table = here.con.execute(query).to_arrow_table()
        return found

    @contextmanager
    def batches(self, plan: Plan, pairs: ir.Table, *, rows: int, **beside: pa.Table) -> Iterator[pa.RecordBatchReader]:
        """The same in batches of so many rows; readable inside the context."""
        here: Any = pairs.get_backend()
        with _begun(here, plan, pairs, beside) as (_, _, query):
            yield here.con.execute(query).to_arrow_reader(rows)

    @contextmanager
    def fetch(self, table: ir.Table) -> Iterator[ir.Table]:
        """The table itself."""
        yield table

    @contextmanager
    def worked_out(self, table: ir.Table) -> Iterator[ir.Table]:
        """The rows of `table`, which are worked out once however often they are read inside the context."""
        here: Any = table.get_backend()
        name = f"rows_{uuid4().hex}"
        here.create_table(name, table, temp=True)
        try:
            yield ops.DatabaseTable(name, schema=table.schema(), source=here).to_expr()
        finally:
            here.con.execute(f'DROP TABLE IF EXISTS "{name}"')


@contextmanager
def _begun(
    here: Any, plan: Plan, pairs: ir.Table, beside: Mapping[str, pa.Table]
) -> Iterator[tuple[Callable[[str, str, str], None], str, str]]:
    """All steps of a plan but the last: what makes a table or a view, the name of the last step, and its query. All
    that was made is dropped at the end.
    """
    prefix = f"plan_{uuid4().hex}_"
    with ExitStack() as held:

        def make(kind: str, name: str, query: str) -> None:
            here.con.execute(f'CREATE TEMP {kind} "{name}" AS {query}')
            held.callback(here.con.execute, f'DROP {kind} IF EXISTS "{name}"')

        source = _name_of(pairs)
        if source is None:
            source = f"{prefix}pairs"
            here.create_view(source, pairs)
            held.callback(here.drop_view, source, force=True)
        for name, table in beside.items():
            here.con.register(prefix + name, table)
            held.callback(here.con.unregister, prefix + name)
        last, parts = plan.steps[-1], dict[str, str]()
        for step in plan.steps[:-1]:
            name, query = prefix + step.name, _with(parts, step.sql(source, prefix))
            if step.constant:
                _copy(here.con, name, step, query)
                held.callback(here.con.execute, f'DROP TABLE IF EXISTS "{name}"')
            elif step.kept:
                make("TABLE", name, query)
            else:
                parts[name] = query
        yield make, prefix + last.name, _with(parts, last.sql(source, prefix))


#: What constant steps come to, by their queries. There are as many as plans have tables of their own: one.
_CONSTANTS: Final[dict[str, pa.Table]] = {}


def _copy(connection: duckdb.DuckDBPyConnection, name: str, step: Step, query: str) -> None:
    """Make a table of what a constant step comes to, which is worked out once in this process: to plan the literals
    that it is made of takes longer than to judge a few pairs.
    """
    if (rows := _CONSTANTS.get(step.query)) is None:
        rows = _CONSTANTS[step.query] = connection.execute(query).to_arrow_table()
    connection.register(f"{name}_rows", rows)
    connection.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM "{name}_rows"')  # noqa: S608 - our own names
    connection.unregister(f"{name}_rows")


def _name_of(pairs: ir.Table) -> str | None:
    """The name of a table that stands in the database as it is; None for what has to be worked out."""
    table = pairs.op()
    if not isinstance(table, ops.DatabaseTable) or table.namespace.catalog or table.namespace.database:
        return None
    return str(table.name)


def _with(parts: Mapping[str, str], query: str) -> str:
    """The query, with those of the named queries that it reads."""
    read = [f'"{name}" AS NOT MATERIALIZED ({part})' for name, part in parts.items() if f'"{name}"' in query]
    return f"WITH {', '.join(read)} ({query})" if read else query
