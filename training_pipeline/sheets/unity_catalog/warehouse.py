"""A SQL warehouse as the engine of an open sheet: expressions are compiled to Databricks SQL and run there.

What comes out is streamed into a DuckDB of our own, which spills to disk, and is dropped again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples import rendering_databricks
from training_pipeline.domain.rules.text.dialects import DATABRICKS
from training_pipeline.sheets.plan import Dialect, Plan

DATABRICKS_SQL: Final = Dialect("databricks", DATABRICKS, rendering_databricks.rendered, filters_early=True)
#: The name by which statements know the pairs of the sheet.
PAIRS: Final = "pairs"


@dataclass
class Warehouse:
    """See `sheets.engine.Engine`. `pairs` is the SELECT that yields the pairs, with the parameters it needs.

    The steps of a plan become common table expressions: a warehouse reached by single statements holds nothing from one
    to the next, and we write no tables there.
    """

    statements: Statements
    pairs: str
    parameters: dict[str, str]
    #: Ibis on our own DuckDB, open as long as the sheet is.
    here: Any
    #: The steps of plans, by name, each after those that it reads.
    _named: dict[str, str] = field(default_factory=dict)
    #: Those of them that Spark works out once; see `_once`.
    _kept: set[str] = field(default_factory=set)
    _plans: int = 0
    _fetched: int = 0

    is_remote = True
    dialect = DATABRICKS_SQL

    @property
    def was_read(self) -> bool:
        """Whether anything was fetched."""
        return self._fetched > 0

    def table(self) -> ir.Table:
        """The pairs, to build expressions on."""
        return ibis.table(PAIR_SCHEMA, name=PAIRS)

    @contextmanager
    def work_out(self, plan: Plan, pairs: ir.Table) -> Iterator[ir.Table]:
        """Steps become common table expressions of the statements that use them."""
        self._plans += 1
        prefix = f"plan_{self._plans}_"
        for step in plan.steps:
            name, query = prefix + step.name, step.sql(pairs.get_name(), prefix)
            if step.kept or step is plan.steps[-1]:  # what the plan comes to is counted in several ways
                self._kept.add(name)
                query = _once(query, step.schema.names)
            self._named[name] = query
        yield ibis.table(plan.steps[-1].schema, name=prefix + plan.steps[-1].name)

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
        """The statement that works out `table`: the pairs, the named expressions it needs, and itself."""
        compiled = self.dialect.sql(table)
        needed: dict[str, str] = {}
        for name, query in reversed(self._named.items()):  # each uses only what was named before it
            if any(_uses(text, name) for text in (compiled, *needed.values())):
                needed[name] = query
        expressions = {PAIRS: self.pairs, **dict(reversed(needed.items()))}
        listed = ",\n".join(f"`{name}` AS (\n{self._unpacked(query)}\n)" for name, query in expressions.items())
        return f"WITH {listed}\nSELECT * FROM (\n{self._unpacked(compiled)}\n)"

    def _unpacked(self, query: str) -> str:
        """The query, with the columns of what is kept in place of its rows."""

        def table(match: re.Match[str]) -> str:
            return f"(SELECT `row`.* FROM {match[0]})" if match[1] in self._kept else match[0]  # noqa: S608

        return re.sub(r"`(plan_\d+_\w+)`", table, query)


def _once(query: str, columns: Sequence[str]) -> str:
    """The rows of `query`, each as one struct, which Spark then works out once.

    A table expression that Spark takes to be the same at each use is copied into each of them, and so into the uses of
    those. `rand` is never below 0, but Spark cannot know that.

    The struct is for the sake of what Spark 4.0 gets wrong (`PushdownPredicatesAndPruneColumnsForCTEDef`): it leaves
    out columns of such an expression that no use needs, and then may put back another expression that reads it, as it
    was before. That one finds other columns in their places: the statement fails, or its verdicts are wrong. Of one
    column there is none to leave out.
    """
    fields = ", ".join(f"'{column}', `{column}`" for column in columns)
    return f"SELECT named_struct({fields}) AS `row` FROM (\n{query}\n) WHERE rand() >= 0"  # noqa: S608 - names of ours


def _uses(query: str, name: str) -> bool:
    return re.search(rf"`{name}`", query) is not None
