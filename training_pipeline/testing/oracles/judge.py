"""The gates as three statements that are prepared once: planning them takes far longer than judging a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.comparison import Comparison
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.gates import judge_each
from training_pipeline.domain.rules.neighbours import judge_together
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.domain.rules.text.normal_form import normal_form_table
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.testing.sheets.pairs import Row, arrow


class Judge:
    """Judges small sheets by the same expressions as `datasets.verdicts`, without the engine between them."""

    def __init__(self) -> None:
        self._engine = ibis.duckdb.connect().con
        # A statement is planned with tables that are empty, and must not count on it.
        self._engine.execute("SET disabled_optimizers = 'statistics_propagation'")
        self._prepared: set[str] = set()
        self._pairs = ibis.table(PAIR_SCHEMA, name="pairs")
        forms = normal_form_table(self._pairs)
        self._engine.register("arriving", arrow([]))
        self._engine.execute("CREATE TABLE pairs AS FROM arriving")
        self._engine.execute(f"CREATE TABLE forms AS {_sql(forms)}")
        self._comparison = Comparison(DUCKDB, rendered, ibis.table(forms.schema(), name="forms"))
        alone = judge_each(self._pairs, constraints_from_tags([]))
        self._alone = ibis.table(alone.schema(), name="alone")
        hashed = self._comparison.of(self._alone)
        self._hashed = ibis.table(hashed.schema(), name="hashed")
        self._engine.execute(f"CREATE TABLE alone AS {_sql(alone)}")
        self._engine.execute(f"CREATE TABLE hashed AS {_sql(hashed)}")

    def __call__(self, rows: list[Row], tags: Sequence[str] = (), items: int = 20) -> list[dict[str, Any]]:
        """The verdicts of `judge_together` on each row, in no order."""
        self._hash(rows, tags)
        name = f"together_{items}"
        if self._is_new(name):
            policy = GatePolicy(instruction_prompt_items=items)
            self._prepare(name, _sql(judge_together(self._hashed, policy, examples_of=self._examples)))
        return self._rows(f"EXECUTE {name}")

    def hashed(self, rows: list[Row]) -> list[dict[str, Any]]:
        """What `Comparison.of` adds to each row, in no order."""
        self._hash(rows, ())
        return self._rows("FROM hashed")

    def _hash(self, rows: list[Row], tags: Sequence[str]) -> None:
        alone = f"alone_{'_'.join(tags)}"
        if self._is_new(alone):
            self._prepare(alone, f"INSERT INTO alone {_sql(judge_each(self._pairs, constraints_from_tags(tags)))}")
        if self._is_new("hash"):
            self._prepare("hash", f"INSERT INTO hashed {_sql(self._comparison.of(self._alone))}")
        for table in ("pairs", "alone", "hashed"):
            self._engine.execute(f"DELETE FROM {table}")
        self._engine.register("arriving", arrow(rows))
        for statement in ("INSERT INTO pairs FROM arriving", f"EXECUTE {alone}", "EXECUTE hash"):
            self._engine.execute(statement)

    def _examples(self, ids: ir.Table) -> ir.Table:
        return self._comparison.examples(self._pairs.semi_join(ids, "pair_id"))

    def _is_new(self, name: str) -> bool:
        new = name not in self._prepared
        self._prepared.add(name)
        return new

    def _prepare(self, name: str, statement: str) -> None:
        self._engine.execute(f"PREPARE {name} AS {statement}")

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        return list(self._engine.execute(statement).to_arrow_table().to_pylist())


def _sql(table: ir.Table) -> str:
    return str(ibis.to_sql(table, dialect="duckdb"))
