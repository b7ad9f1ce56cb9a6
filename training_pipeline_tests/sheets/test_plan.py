from __future__ import annotations

from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.plan import Plan, Planner
from training_pipeline.testing.sheets.pairs import pair, table
from training_pipeline.testing.sheets.sheet_files import put_sheet


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


def test_a_plan_is_read_in_its_order_with_tables_beside_the_pairs() -> None:
    planner = Planner(DUCKDB_SQL)
    wanted = planner.beside("wanted", ibis.schema({"wanted_id": "string", "place": "int64"}))
    found = planner.pairs.inner_join(wanted, planner.pairs.pair_id == wanted.wanted_id).order_by("place")
    plan = planner.plan(found.select("pair_id"))
    pairs = table([pair(1), pair(2), pair(3)])
    before = tables(pairs)
    ids = pairs.pair_id.to_pyarrow().to_pylist()
    for order in (ids, ids[::-1], ids[1:2]):
        given = pa.table({"wanted_id": order, "place": pa.array(range(len(order)), pa.int64())})
        assert DuckDB().read(plan, pairs, wanted=given)["pair_id"].to_pylist() == order
        with DuckDB().batches(plan, pairs, rows=2, wanted=given) as batches:
            assert batches.read_all()["pair_id"].to_pylist() == order
    assert tables(pairs) == before


def test_what_is_the_same_for_all_pairs_is_worked_out_once_in_a_process() -> None:
    planner = Planner(DUCKDB_SQL)
    drawn = planner.constant(planner.pairs.limit(0).agg(pairs=lambda none: none.count()).mutate(drawn=ibis.random()))
    plan = planner.plan(planner.pairs.cross_join(drawn).select("pair_id", "drawn"))
    found = [DuckDB().read(plan, table([pair(number)]))["drawn"].to_pylist() for number in (1, 2)]
    assert found[0] == found[1]


def test_pairs_that_are_a_table_are_read_where_they_are(tmp_path: Path) -> None:
    put_sheet(tmp_path, [pair(1)])
    with FileTrainingSheets([tmp_path], threads=1).open("s") as opened, DuckDB().work_out(items(), opened.pairs):
        assert not [name for name in tables(opened.pairs) if name.endswith("_pairs")]


def tables(pairs: ir.Table) -> list[str]:
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    found = pairs.get_backend().con.execute(f"SELECT table_name FROM duckdb_tables() UNION ALL {views} ORDER BY ALL")
    return [name for (name,) in found.fetchall()]


def test_the_pairs_of_a_plan_have_the_columns_of_a_sheet() -> None:
    assert Planner(DUCKDB_SQL).pairs.schema() == PAIR_SCHEMA
