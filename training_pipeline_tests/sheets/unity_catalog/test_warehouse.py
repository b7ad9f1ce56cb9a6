"""The statements that a warehouse is sent say what our DuckDB says, pair by pair."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.judged import judged
from training_pipeline.datasets.judging import verdicts_plan
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.sheets.engine import DUCKDB_SQL
from training_pipeline.sheets.plan import Planner
from training_pipeline.sheets.unity_catalog.columns import PAIR_NAMES, Columns, columns_of, select_pairs
from training_pipeline.sheets.unity_catalog.warehouse import Warehouse
from training_pipeline.testing.databricks.sheet_tables import as_read, spiced_pairs
from training_pipeline.testing.databricks_workspace.dialect import MACROS, to_duckdb
from training_pipeline.testing.databricks_workspace.tables import type_text
from training_pipeline.testing.sheets.pairs import SCHEMA, Row, arrow, open_sheet
from training_pipeline.testing.soak import examples

POLICY = GatePolicy(instruction_prompt_items=3)
Judge = Callable[[list[Row]], Counter[str]]


def warehouse() -> Warehouse:
    types = {field.name: type_text(field.type) for field in SCHEMA} | {"training_sheet_id": "string"}
    columns = columns_of(types, PAIR_NAMES, {}, setting="")
    assert isinstance(columns, Columns)
    return Warehouse(None, select_pairs(columns, {}, "`qa`"), {}, None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(MACROS)
    return connection


def judges(engine: duckdb.DuckDBPyConnection, tags: tuple[str, ...]) -> tuple[Judge, Judge]:
    """What the warehouse's statement comes to, and what ours does; both translated once, which takes a while."""
    remote = warehouse()
    with judged(replace(open_sheet([], tags=tags), pairs=remote.table(), engine=remote), POLICY) as table:
        there = to_duckdb(remote.statement(table), lambda name, _: name)
        names = table.columns
    plan = verdicts_plan(DUCKDB_SQL, constraints_from_tags(tags), POLICY)
    steps = ", ".join(f'"ours_{step.name}" AS ({step.sql("pairs", "ours_")})' for step in plan.steps)
    here = f'WITH {steps} FROM "ours_{plan.steps[-1].name}"'

    def run(query: str, name: str, rows: list[Row], parameters: dict[str, str] | None) -> Counter[str]:
        ids = pa.array(["sheet-1"] * len(rows), pa.string())
        engine.register(name, arrow(rows).append_column("training_sheet_id", ids))
        found = engine.execute(query, parameters).to_arrow_table().select(names).to_pylist()
        return Counter(json.dumps(row) for row in found)

    return (
        lambda rows: run(there, "qa", rows, {"sheet_id": "sheet-1"}),
        lambda rows: run(here, "pairs", [as_read(row) for row in rows], None),
    )


@pytest.mark.parametrize("tags", [(), ("PHI",)], ids=["untagged", "PHI"])
def test_every_verdict_and_hash_is_the_same(engine: duckdb.DuckDBPyConnection, tags: tuple[str, ...]) -> None:
    there, here = judges(engine, tags)

    @settings(deadline=None, max_examples=examples(12 if not tags else 6))
    @given(rows=st.lists(spiced_pairs, max_size=25))
    def compare(rows: list[Row]) -> None:
        found, expected = there(rows), here(rows)
        assert found == expected, (list(found - expected)[:2], list(expected - found)[:2])

    compare()


def test_a_statement_is_databricks_sql_without_characters_that_literals_spell(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    remote = warehouse()
    with judged(replace(open_sheet([]), pairs=remote.table(), engine=remote), POLICY) as table:
        statement = remote.statement(table)
    assert not set(map(chr, range(32))) & set(statement) - {"\n"}
    assert len(statement) < 450_000, "a warehouse plans what it is sent; more than half of it is the table of forms"
    assert ":sheet_id" in statement
    assert statement.startswith("WITH `pairs` AS (")


def test_a_statement_spells_out_only_what_it_uses() -> None:
    remote = warehouse()
    planner = Planner(remote.dialect)
    first = planner.name(planner.pairs.select("pair_id"))
    planner.name(planner.pairs.select("messages"))
    with remote.work_out(planner.plan(first.distinct()), remote.table()) as table:
        statement = remote.statement(table.count().as_table())
    assert "`plan_1_step_1` AS" in statement
    assert "`plan_1_step_2`" not in statement
    assert "`plan_1_step_3` AS" in statement
    assert sqlglot.parse_one(statement, read="databricks") is not None


def test_what_is_kept_is_worked_out_once() -> None:
    remote = warehouse()
    planner = Planner(remote.dialect)
    kept = planner.keep(planner.pairs.select("pair_id"))
    with remote.work_out(planner.plan(kept.distinct()), remote.table()) as table:
        assert remote.statement(table).count("rand() >= 0") == 2, "the last one as well"


def test_of_what_is_kept_there_is_no_column_to_leave_out() -> None:
    """Spark 4.0 leaves columns out of table expressions, and mistakes the others for them afterwards."""
    remote = warehouse()
    planner = Planner(remote.dialect)
    kept = planner.keep(planner.pairs.select("pair_id", "item_ref", "status"))
    plan = planner.plan(kept.left_join(kept.select("item_ref").distinct(), "item_ref").select("pair_id", "status"))
    with remote.work_out(plan, remote.table()) as table:
        statement = remote.statement(table.filter(table.status.isnull()).select("pair_id"))
    tree = sqlglot.parse_one(statement, read="databricks")
    expressions = {each.alias: each.this.named_selects for each in tree.find_all(sqlglot.exp.CTE)}
    assert [name for name, columns in expressions.items() if columns == ["row"]] == ["plan_1_step_1", "plan_1_step_2"]
    uses = [each for each in tree.find_all(sqlglot.exp.Table) if each.name.startswith("plan_1_")]
    assert [each.parent_select and each.parent_select.sql("databricks") for each in uses] == [
        f"SELECT `row`.* FROM `plan_1_step_{step}`" for step in (2, 1, 1)
    ]


def test_plans_of_one_sheet_do_not_meet() -> None:
    remote = warehouse()
    names = Planner(remote.dialect)
    items = Planner(remote.dialect)
    with (
        remote.work_out(names.plan(names.pairs.select("pair_id")), remote.table()) as first,
        remote.work_out(items.plan(items.pairs.select(pair_id="item_ref")), remote.table()) as second,
    ):
        statement = remote.statement(first.union(second))
    assert "`plan_1_step_1` AS" in statement
    assert "`plan_2_step_1` AS" in statement
