"""The vectorised rule of `invalid` says what the row by row check says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.chat_format import INVALIDATING, message_problems
from training_pipeline.domain.rules.examples.validity import chat_letters, is_chat
from training_pipeline.testing.sheets.pairs import arrow, chat, odd_pairs, pair
from training_pipeline.testing.soak import examples

Chat = list[dict[str, Any]] | None
Valid = Callable[[list[Chat]], list[bool]]


@pytest.fixture(scope="module")
def are_chats() -> Valid:
    engine = ibis.duckdb.connect().con
    table = ibis.table(PAIR_SCHEMA, name="pairs")
    query = ibis.to_sql(table.select(valid=is_chat(chat_letters(table.messages))), dialect="duckdb")

    def run(chats: list[Chat]) -> list[bool]:
        engine.register("pairs", arrow([pair(number, messages=messages) for number, messages in enumerate(chats)]))
        return [valid for (valid,) in engine.execute(query).fetchall()]

    return run


@settings(deadline=None, max_examples=examples(120))
@given(chats=st.lists(odd_pairs.map(lambda row: row["messages"]), max_size=20))
def test_agrees_with_the_row_by_row_check(are_chats: Valid, chats: list[Chat]) -> None:
    expected = [not any(problem.code in INVALIDATING for problem in message_problems(chat)) for chat in chats]
    assert are_chats(chats) == expected


@pytest.mark.parametrize(
    ("messages", "valid"),
    [
        (chat("Q", "A"), True),
        ([{"role": "assistant", "content": "Unasked."}], True),
        ([{"role": "system", "content": "S"}, *chat("Q", "A")], True),
        ([*chat("Q", "A"), {"role": "system", "content": "S"}, *chat("Q", "A")], False),
        ([{"role": "system", "content": "S"}] * 2 + chat("Q", "A"), False),
        (chat("Q", "A")[:1], False),
        (chat("\u2003\n", "A"), False),
        (chat("Q", ""), False),
        ([], False),
        (None, False),
        ([None, *chat("Q", "A")], False),
        ([chat("Q", "A")[0], {"role": "assistant", "content": None, "tool_calls": '[{"id":"1"}]'}], True),
        ([chat("Q", "A")[0], {"role": "assistant", "content": None, "tool_calls": " [ ] "}], False),
        ([{"role": "user", "content": None, "tool_calls": '[{"id":"1"}]'}, chat("Q", "A")[1]], False),
        ([chat("Q", "A")[0], {"role": "assistant", "content": "A", "weight": 0.0}], False),
        (
            [
                {"role": "assistant", "content": "A", "weight": 1.0},
                {"role": "assistant", "content": "B", "weight": 0.0},
            ],
            True,
        ),
        ([chat("Q", "A")[0], {"role": "assistant", "content": "A", "weight": 2.0}], False),
        ([chat("Q", "A")[0], {"role": "assistant", "content": "A", "weight": float("nan")}], False),
        ([{"role": "user", "content": "Q", "weight": 0.0}, chat("Q", "A")[1]], False),
        ([{"role": "User", "content": "Q"}, chat("Q", "A")[1]], False),
    ],
)
def test_what_a_chat_example_is(are_chats: Valid, messages: Chat, valid: bool) -> None:
    assert are_chats([messages]) == [valid]
