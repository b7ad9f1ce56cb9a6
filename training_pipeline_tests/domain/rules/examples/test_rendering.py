"""Examples are written as Python's json writes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.rendering import rendered, row_hash
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.sheets.pairs import arrow, pair
from training_pipeline.testing.soak import examples

Chat = list[dict[str, Any]]
Render = Callable[[Sequence[Chat | None]], list[dict[str, str]]]

texts = st.text(st.characters(codec="utf-8"), max_size=30)
chats = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"]), "content": texts},
        optional={"name": texts, "weight": st.sampled_from([0.0, 1.0]), "tool_call_id": texts},
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def render() -> Render:
    engine = ibis.duckdb.connect().con
    messages = ibis.table(PAIR_SCHEMA, name="pairs").messages
    shown = {
        "line": rendered(messages),
        "hash": row_hash(rendered(messages)),
    }
    query = ibis.to_sql(ibis.table(PAIR_SCHEMA, name="pairs").select(**shown), dialect="duckdb")

    def run(many: Sequence[Chat | None]) -> list[dict[str, str]]:
        engine.register("pairs", arrow([pair(number, messages=messages) for number, messages in enumerate(many)]))
        return list(engine.execute(query).to_arrow_table().to_pylist())

    return run


@settings(deadline=None, max_examples=examples(100))
@given(many=st.lists(chats, max_size=10))
def test_a_line_is_compact_json_with_its_sha256(render: Render, many: list[Chat]) -> None:
    for messages, row in zip(many, render(many), strict=True):
        line = oracle.example({"messages": messages})
        assert line is not None
        # JSON leaves open how control characters are escaped.
        assert json.loads(row["line"]) == json.loads(line)
        assert row["line"].lower() == line.lower()
        assert "\n" not in row["line"]
        assert row["hash"] == hashlib.sha256(row["line"].encode()).hexdigest()


def test_fields_are_written_in_their_order_and_nulls_left_out(render: Render) -> None:
    messages: Chat = [
        {"role": "user", "content": 'Ä "quoted"\n\\ back / \u2028 \x7f', "name": "ana"},
        {"role": "assistant", "content": None, "weight": 0.0, "tool_calls": '[{"id":"c","n":1}]'},
        {"role": "tool", "content": "42", "tool_call_id": "c"},
        {"role": "assistant", "content": "Done.", "weight": 1.0},
    ]
    (row,) = render([messages])
    assert row["line"] == (
        '{"messages":[{"role":"user","content":"Ä \\"quoted\\"\\n\\\\ back / \u2028 \x7f","name":"ana"},'
        '{"role":"assistant","weight":0,"tool_calls":[{"id":"c","n":1}]},'
        '{"role":"tool","content":"42","tool_call_id":"c"},'
        '{"role":"assistant","content":"Done.","weight":1}]}'
    )


def test_nothing_is_written_where_there_are_no_messages(render: Render) -> None:
    assert render([None, []]) == [dict.fromkeys(("line", "hash"))] * 2
