from __future__ import annotations

import pytest

from training_pipeline.datasets.judging import held_out_plan, verdicts_plan
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.plan import Dialect
from training_pipeline.sheets.unity_catalog.warehouse import DATABRICKS_SQL
from training_pipeline.testing.sheets.pairs import pair, table

NO_TAGS = constraints_from_tags([])


@pytest.mark.parametrize("dialect", [DUCKDB_SQL, DATABRICKS_SQL], ids=["duckdb", "databricks"])
def test_sheets_with_the_same_tags_and_policy_share_a_plan(dialect: Dialect) -> None:
    first = verdicts_plan(dialect, constraints_from_tags(["PII", "nothing"]), GatePolicy())
    assert verdicts_plan(dialect, constraints_from_tags(["pii"]), GatePolicy()) is first
    assert held_out_plan(dialect, constraints_from_tags(["PII"]), GatePolicy()) is held_out_plan(
        dialect, constraints_from_tags(["pii"]), GatePolicy()
    )


def test_tags_policies_and_engines_have_plans_of_their_own() -> None:
    plan = verdicts_plan(DUCKDB_SQL, NO_TAGS, GatePolicy())
    assert verdicts_plan(DUCKDB_SQL, constraints_from_tags(["PII"]), GatePolicy()).steps != plan.steps
    assert verdicts_plan(DUCKDB_SQL, NO_TAGS, GatePolicy(instruction_prompt_items=3)).steps != plan.steps
    assert verdicts_plan(DATABRICKS_SQL, NO_TAGS, GatePolicy()).steps != plan.steps


def test_only_what_holds_no_text_is_kept() -> None:
    for plan in (verdicts_plan(DUCKDB_SQL, NO_TAGS, GatePolicy()), held_out_plan(DUCKDB_SQL, NO_TAGS, GatePolicy())):
        assert not any(step.kept for step in plan.steps if {"messages", "tools"} & set(step.schema.names))


def test_what_is_held_out_is_found() -> None:
    rows = [pair(1), pair(2, allowed_uses=["evaluation"]), pair(3, allowed_uses=["testing"], status="rejected")]
    with DuckDB().work_out(held_out_plan(DUCKDB_SQL, NO_TAGS, GatePolicy()), table(rows)) as asked:
        assert asked.count().execute() == 2
