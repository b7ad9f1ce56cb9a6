from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.datasets import judging
from training_pipeline.datasets.prepare import lines_plan
from training_pipeline.datasets.snapshot import rows_plan
from training_pipeline.datasets.summary import counts_plan
from training_pipeline.datasets.text_plans import asked_plan, asks_plan, conversations_plan
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import TAG_RULES, Use, constraints_from_tags
from training_pipeline.sheets import kept_plans
from training_pipeline.sheets.engine import DUCKDB_SQL
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Dialect, Plan, Planner
from training_pipeline.sheets.plans_directory import keep_in
from training_pipeline.sheets.unity_catalog.warehouse import DATABRICKS_SQL

NO_TAGS = constraints_from_tags([])


@pytest.fixture
def plans(tmp_path: Path) -> Iterator[Path]:
    """Where plans are kept while the test lasts."""
    keep_in(tmp_path / "plans")
    yield tmp_path / "plans"
    keep_in(None)


def anew(plan: Any, *arguments: Any, **named: Any) -> Plan:
    """What the function makes as in another process, which has made none yet."""
    made: Plan = plan.__wrapped__(*arguments, **named)
    return made


class Counted:
    """A function that makes a plan, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def make(self) -> Callable[..., Plan]:
        @kept
        def items(dialect: Dialect, policy: GatePolicy, use: Use = Use.TRAINING) -> Plan:
            self.calls += 1
            planner = Planner(dialect)
            named = planner.keep(planner.pairs.filter(planner.pairs.item_ref == f"{policy.instruction_prompt_items}"))
            return planner.plan(named.select("item_ref", "messages", use=named.status + str(use)))

        return items


def test_a_plan_is_made_once_for_each_thing_that_it_is_for(plans: Path) -> None:
    counted = Counted()
    items = counted.make()
    first = items(DUCKDB_SQL, GatePolicy())
    assert items(DUCKDB_SQL, GatePolicy(), Use.TRAINING) == first
    assert items(DUCKDB_SQL, policy=GatePolicy()) == first
    assert counted.calls == 1
    others = [
        items(DATABRICKS_SQL, GatePolicy()),
        items(DUCKDB_SQL, GatePolicy(instruction_prompt_items=21)),
        items(DUCKDB_SQL, GatePolicy(), Use.EVALUATION),
    ]
    assert counted.calls == 4
    assert len({plan.steps[0].query + plan.steps[1].query for plan in (first, *others)}) == 4
    assert len(list(plans.iterdir())) == 4


@pytest.mark.parametrize("change", ["code", "libraries"])
def test_a_plan_of_other_code_is_not_used(plans: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    items = counted.make()
    items(DUCKDB_SQL, GatePolicy())
    kept_plans._code.cache_clear()
    if change == "code":
        monkeypatch.setattr(kept_plans, "MADE_OF", (*kept_plans.MADE_OF, "settings"))
    else:
        monkeypatch.setattr(kept_plans, "version", lambda _: "0.0.0")
    items(DUCKDB_SQL, GatePolicy())
    kept_plans._code.cache_clear()
    assert counted.calls == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"steps": [{}], "sha256": ""}', "another query"])
def test_a_file_that_cannot_be_used_is_made_anew(plans: Path, content: str) -> None:
    counted = Counted()
    items = counted.make()
    made = items(DUCKDB_SQL, GatePolicy())
    (file,) = plans.iterdir()
    stored = json.loads(file.read_text())
    if content == "another query":
        stored["steps"][0]["query"] = "SELECT 1"
        content = json.dumps(stored)
    file.write_text(content)
    assert items(DUCKDB_SQL, GatePolicy()) == made
    assert counted.calls == 2


def test_no_more_are_kept_than_there_is_room_for(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_plans, "MOST", 2)
    items = Counted().make()
    for number in range(1, 6):
        items(DUCKDB_SQL, GatePolicy(instruction_prompt_items=number))
        assert 1 <= len(list(plans.iterdir())) <= 2


def test_nothing_depends_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counted = Counted()
    items = counted.make()
    try:
        for where in (None, tmp_path / "file", tmp_path / "no" / "parent"):
            keep_in(where)
            items(DUCKDB_SQL, GatePolicy())
    finally:
        keep_in(None)
    assert counted.calls == 3


@pytest.mark.parametrize("dialect", [DUCKDB_SQL, DATABRICKS_SQL], ids=lambda dialect: dialect.name)
def test_every_plan_of_ours_is_read_as_it_was_made(plans: Path, dialect: Dialect) -> None:
    policy = GatePolicy()
    makers: list[Callable[[], Plan]] = [
        lambda: anew(judging.verdicts_plan, dialect, NO_TAGS, policy),
        lambda: anew(judging.held_out_plan, dialect, NO_TAGS, policy),
        lambda: anew(judging.held_out_questions_plan, dialect, NO_TAGS, policy),
        lambda: anew(judging.shown_plan, dialect),
        lambda: anew(judging.copies_plan, dialect),
        lambda: anew(judging.questions_plan, dialect),
        lambda: anew(judging.labels_plan, dialect),
        lambda: anew(lines_plan, is_keyed=True),
        lambda: anew(asked_plan),
        lambda: anew(asks_plan),
        lambda: anew(conversations_plan, "pair_id"),
    ]
    made = [maker() for maker in makers]
    judged = made[0].steps[-1].schema
    makers.append(lambda: anew(counts_plan, judged))
    makers.append(lambda: anew(rows_plan, judged, is_keyed=True, is_unique=True))
    made += [maker() for maker in makers[-2:]]
    assert len(list(plans.iterdir())) == len(made)
    assert [maker() for maker in makers] == made


@given(st.sets(st.sampled_from(sorted(TAG_RULES))), st.sets(st.sampled_from(sorted(TAG_RULES))))
def test_what_a_plan_is_for_is_told_the_same_in_every_process_and_apart_from_anything_else(
    one: set[str], other: set[str]
) -> None:
    told = [json.dumps(kept_plans._said(constraints_from_tags(sorted(tags)))) for tags in (one, other)]
    assert (told[0] == told[1]) == (constraints_from_tags(one) == constraints_from_tags(other))
