"""What is said of conversations of one turn is what the rules say of any conversation, hash by hash."""

from __future__ import annotations

import random
from typing import Any

import ibis
import pytest

from training_pipeline.datasets.judging import verdicts_plan
from training_pipeline.domain.rules.comparison import Comparison, OneTurn
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.one_turn import ONE_TURN
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.domain.rules.text.normal_form import normal_form_table
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.plan import Planner
from training_pipeline.testing.sheets.pairs import pair, table

CONTROL = "".join(map(chr, range(0x21)))
SAID = [
    "Was?",
    " Was?",
    "",
    "…",
    "WAS ?",
    'a"b\\c\n',
    CONTROL,
    "ﬁn\u0301",
    "é",
    "e\u0301 ",
    "Größe\u00a0",
    "\x7f",
    "か゛",
]
ROLES = ["system", "user", "assistant", "tool", "User", None]


def conversations() -> list[list[dict[str, Any]] | None]:
    made = random.Random(3)

    def message(role: str | None, **more: Any) -> dict[str, Any]:
        return {
            "role": role,
            "content": made.choice([*SAID, None]) if made.random() < 0.1 else made.choice(SAID),
            **more,
        }

    found: list[list[dict[str, Any]] | None] = [None, [], [message("user")], [message("assistant")]]
    for first in ROLES:
        for second in ROLES:
            found += [[message(first), message(second)], [message("system"), message(first), message(second)]]
    more: list[dict[str, Any]] = [
        {"weight": 1.0},
        {"weight": 0.0},
        {"name": "n"},
        {"tool_call_id": "c"},
        {"tool_calls": '[{"id":"1"}]'},
        {},
    ]
    for _ in range(400):
        turn = [message("user", **made.choice([{}, {}, *more])), message("assistant", **made.choice([{}, *more]))]
        system = [message("system", **made.choice([{}, {}, {}, *more]))] if made.random() < 0.4 else []
        found.append([*system, *turn, *([*turn] if made.random() < 0.1 else [])])
    return found


def hashed(messages: list[Any], one_turn: OneTurn | None, **more: Any) -> list[dict[str, Any]]:
    """What `Comparison` says of pairs, each once as it passed, once prohibited, and once neither."""
    rows = [pair(number, messages=chat, **more) for number, chat in enumerate(messages)]
    planner = Planner(DUCKDB_SQL)
    comparison = Comparison(DUCKDB, rendered, planner.keep(normal_form_table(planner.pairs)), one_turn)
    pairs = planner.pairs.select("pair_id", "messages", "tools")
    kinds = [(None, False), ("training_prohibited", True), ("unlabeled", False)]
    judged = ibis.union(
        *(
            pairs.mutate(reason=ibis.literal(reason, type="string"), prohibited=ibis.literal(prohibited))
            for reason, prohibited in kinds
        )
    )
    of = comparison.of(planner.name(judged))
    asked = comparison.question_texts(comparison.questions(pairs)).rename(asked_alone="asked")
    joined = of.inner_join(asked, "pair_id")
    with DuckDB().work_out(planner.plan(joined), table(rows)) as found:
        return sorted(found.to_pyarrow().to_pylist(), key=lambda row: (row["pair_id"], str(row["reason"])))


@pytest.mark.parametrize("tools", [None, "", '[{"type":"function"}]'])
def test_the_same_hashes_come_out(tools: str | None) -> None:
    chats = conversations()
    fast, slow = hashed(chats, ONE_TURN, tools=tools), hashed(chats, None, tools=tools)
    differing = [(one, other) for one, other in zip(fast, slow, strict=True) if one != other]
    assert differing[:2] == []
    assert sum(row["shown"] is not None for row in fast) > 800


def test_the_engine_uses_it() -> None:
    assert DUCKDB_SQL.one_turn is ONE_TURN
    plan = verdicts_plan(DUCKDB_SQL, constraints_from_tags([]), GatePolicy())
    assert any("turn_hashes" in step.query.lower() for step in plan.steps)
