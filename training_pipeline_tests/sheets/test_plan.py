from __future__ import annotations

import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.plan import Plan, Planner
from training_pipeline.testing.sheets.pairs import pair, table


def items() -> Plan:
    """The items of the pairs, each with how many pairs it has."""
    planner = Planner(DUCKDB_SQL)
    named = planner.name(planner.pairs.select("item_ref"))
    counted = planner.keep(named.group_by("item_ref").agg(pairs=lambda group: group.count()))
    return planner.plan(counted.filter(counted.pairs > 1))


def test_a_plan_is_made_before_any_sheet_is_there() -> None:
    plan = items()
    assert [step.kept for step in plan.steps] == [False, True, False]
    assert plan.steps[-1].schema.names == ("item_ref", "pairs")
    assert [step.sql('the "pairs"', "mine_").count("of the plan") for step in plan.steps] == [0, 0, 0]
    assert '"mine_step_1"' in plan.steps[1].sql("pairs", "mine_")


def test_a_plan_is_worked_out_for_the_pairs_of_each_sheet() -> None:
    plan = items()
    one, two = table([pair(1), pair(2)]), table([pair(number, item_ref="same") for number in (1, 2)])
    with DuckDB().work_out(plan, one) as none, DuckDB().work_out(plan, two) as some:
        assert none.to_pyarrow().to_pylist() == []
        assert some.to_pyarrow().to_pylist() == [{"item_ref": "same", "pairs": 2}]


def test_the_same_engine_may_hold_several_and_is_left_as_it_was() -> None:
    pairs = table([pair(number, item_ref="same") for number in (1, 2)])
    before = tables(pairs)
    with DuckDB().work_out(items(), pairs) as once, DuckDB().work_out(items(), pairs.limit(1)) as again:
        assert (once.count().execute(), again.count().execute()) == (1, 0)
    assert tables(pairs) == before


def tables(pairs: ir.Table) -> list[str]:
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    found = pairs.get_backend().con.execute(f"SELECT table_name FROM duckdb_tables() UNION ALL {views} ORDER BY ALL")
    return [name for (name,) in found.fetchall()]


def test_the_pairs_of_a_plan_have_the_columns_of_a_sheet() -> None:
    assert Planner(DUCKDB_SQL).pairs.schema() == PAIR_SCHEMA
