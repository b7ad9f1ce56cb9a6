"""A plan: queries over the pairs of a sheet, compiled once for all sheets that it fits.

Building and compiling the expressions of the rules takes far longer than judging a few pairs. They are the same for
every sheet with the same tags and policy; so they are written over tables whose names each engine fills in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.text.dialects import EngineWords

#: What the names of tables begin with in the SQL of a plan. No rule writes it into a text.
_MARK: Final = "of the plan: "
_PAIRS: Final = f"{_MARK}pairs"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of one engine."""

    #: What Ibis calls it.
    name: str
    words: EngineWords
    #: `rendering.rendered` in the words of the engine; the same bytes.
    rendered: Callable[[ir.ArrayValue], ir.StringValue]
    #: Whether the engine looks which rows a join leaves before it works out columns of them. Spark does. It also gives
    #: up a statement that it has looked at a hundred times, once for each thing that hangs on another: joins come last.
    filters_early: bool = False

    def sql(self, table: ir.Table) -> str:
        """The query that works out `table`."""
        return str(ibis.to_sql(table, dialect=self.name, pretty=False))


@dataclass(frozen=True, slots=True)
class Step:
    """A table of a plan. One that is `kept` is small or read several times, and worth working out once."""

    name: str
    query: str
    schema: sch.Schema
    kept: bool
    #: Whether it is the same whatever the pairs are.
    constant: bool = False

    def sql(self, pairs: str, prefix: str) -> str:
        """The query, where the pairs are the table `pairs`, and the names of the steps begin with `prefix`."""
        return self.query.replace(_PAIRS, pairs).replace(_MARK, prefix)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, each of which reads the pairs and steps before it. The last is what it comes to."""

    steps: tuple[Step, ...]


class Planner:
    """Collects the steps of a plan while expressions are built."""

    def __init__(self, dialect: Dialect, columns: sch.Schema = PAIR_SCHEMA) -> None:
        self.dialect: Final = dialect
        #: The pairs, to build expressions on.
        self.pairs: Final = ibis.table(columns, name=_PAIRS)
        self._steps: list[Step] = []

    def beside(self, name: str, columns: sch.Schema) -> ir.Table:
        """A table that is given beside the pairs under this name, to build expressions on."""
        return ibis.table(columns, name=_MARK + name)

    def name(self, table: ir.Table) -> ir.Table:
        """The table as a step, so that whatever uses it does not spell it out."""
        return self._step(table, kept=False)

    def keep(self, table: ir.Table) -> ir.Table:
        """The table as a step that is worked out once."""
        return self._step(table, kept=True)

    def constant(self, table: ir.Table) -> ir.Table:
        """The table as a step that is worked out once and is the same whatever the pairs are."""
        return self._step(table, kept=True, constant=True)

    def plan(self, table: ir.Table, *, kept: bool = False) -> Plan:
        """The plan that comes to `table`."""
        self._step(table, kept=kept)
        return Plan(tuple(self._steps))

    def _step(self, table: ir.Table, *, kept: bool, constant: bool = False) -> ir.Table:
        step = Step(f"step_{len(self._steps) + 1}", self.dialect.sql(table), table.schema(), kept, constant)
        self._steps.append(step)
        return ibis.table(step.schema, name=_MARK + step.name)
