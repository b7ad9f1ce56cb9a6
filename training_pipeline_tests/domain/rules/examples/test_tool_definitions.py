from __future__ import annotations

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.examples.tool_definitions import has_sound_tools, with_tools
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.sheets.pairs import Row, chat, pair, table
from training_pipeline.testing.soak import examples

TOOLS = '[{"name":"look","description":"ends with } and ] and \\\\"}]'

rows = st.builds(
    lambda question, tools: pair(0, messages=chat(question, "Yes."), tools=tools),
    st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=20),
    st.sampled_from([None, TOOLS, '[{"name":"Ä😀"}]']),
)


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(rows, min_size=1, max_size=8))
def test_tool_definitions_go_before_the_messages(written: list[Row]) -> None:
    written = [row | {"pair_id": f"p-{number}"} for number, row in enumerate(written)]
    pairs = table(written)
    line = with_tools(rendered(pairs.messages), pairs.tools)
    found = pairs.order_by("pair_id").select(line=line).to_pyarrow()["line"].to_pylist()
    assert found == [oracle.example(row) for row in written]


@pytest.mark.parametrize(("tools", "sound"), [(None, True), (TOOLS, True), ("", False)])
def test_what_stood_in_their_place_is_told_apart_from_none(tools: str | None, sound: bool) -> None:
    pairs = table([pair(0, tools=tools)])
    assert pairs.select(sound=has_sound_tools(pairs.tools)).to_pyarrow()["sound"].to_pylist() == [sound]
    assert ibis.table(PAIR_SCHEMA, name="pairs").tools.type().is_string()


def test_no_messages_make_no_line() -> None:
    pairs = table([pair(0, messages=None, tools=TOOLS)])
    assert pairs.select(line=with_tools(rendered(pairs.messages), pairs.tools)).to_pyarrow()["line"].to_pylist() == [
        None
    ]
