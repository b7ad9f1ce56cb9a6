"""A SQL warehouse as the engine of an open sheet: expressions are compiled to Databricks SQL and run there.

What comes out is streamed into a DuckDB of our own, which spills to disk, and is dropped again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules import rendering_databricks
from training_pipeline.domain.rules.engine_words import DATABRICKS

#: The name by which statements know the pairs of the sheet.
PAIRS: Final = "pairs"


@dataclass
class Warehouse:
    """See `sheets.engine.Engine`. `pairs` is the SELECT that yields the pairs, with the parameters it needs.

    What is kept or named becomes a common table expression: a warehouse reached by single statements holds nothing from
    one to the next, and we write no tables there.
    """

    statements: Statements
    pairs: str
    parameters: dict[str, str]
    #: Ibis on our own DuckDB, open as long as the sheet is.
    here: Any
    _named: dict[str, str] = field(default_factory=dict)
    _fetched: int = 0

    is_remote = True
    words = DATABRICKS

    @property
    def was_read(self) -> bool:
        """Whether anything was fetched."""
        return self._fetched > 0

    def table(self) -> ir.Table:
        """The pairs, to build expressions on."""
        return ibis.table(PAIR_SCHEMA, name=PAIRS)

    def rendered(self, messages: ir.ArrayValue) -> ir.StringValue:
        """See `Engine`."""
        return rendering_databricks.rendered(messages)

    def name(self, table: ir.Table) -> ir.Table:
        """A common table expression of the statements that use the table."""
        name = f"named_{len(self._named) + 1}"
        self._named[name] = _compiled(table)
        return ibis.table(table.schema(), name=name)

    def keep(self, table: ir.Table) -> AbstractContextManager[ir.Table]:
        """The same as `name`."""
        return nullcontext(self.name(table))

    @contextmanager
    def fetch(self, table: ir.Table) -> Iterator[ir.Table]:
        """Run the expression, and hold its rows in a temporary table of ours."""
        self._fetched += 1
        name = f"fetched_{self._fetched}"
        schema = table.schema()
        engine = self.here.con
        self.here.create_table(name, schema=schema, temp=True)
        try:
            arrow = schema.to_pyarrow()
            for batch in self.statements.batches(self.statement(table), self.parameters, arrow):
                engine.register("arrived", pa.Table.from_batches([batch]))
                engine.execute(f'INSERT INTO "{name}" SELECT * FROM arrived')  # noqa: S608 - a name of ours
                engine.unregister("arrived")
            yield self.here.table(name)
        finally:
            self.here.drop_table(name, force=True)

    def statement(self, table: ir.Table) -> str:
        """The statement that works out `table`: the pairs, the named expressions it needs, and itself. Pure."""
        compiled = _compiled(table)
        needed: dict[str, str] = {}
        for name, query in reversed(self._named.items()):  # each uses only what was named before it
            if any(_uses(text, name) for text in (compiled, *needed.values())):
                needed[name] = query
        expressions = {PAIRS: self.pairs, **dict(reversed(needed.items()))}
        listed = ",\n".join(f"`{name}` AS (\n{query}\n)" for name, query in expressions.items())
        return f"WITH {listed}\nSELECT * FROM (\n{compiled}\n)"


def _compiled(table: ir.Table) -> str:
    return _sql(table.op())


@lru_cache(maxsize=64)
def _sql(operation: Any) -> str:
    """The SQL of an expression. The rules make the same ones for every sheet, and compiling them takes a while."""
    return str(ibis.to_sql(operation.to_expr(), dialect="databricks", pretty=False))


def _uses(query: str, name: str) -> bool:
    return re.search(rf"`{name}`", query) is not None
