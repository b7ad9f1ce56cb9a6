from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.datasets.pair_texts import conversations, pairs_that_say
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"case": "Überfall"}'}}
SPOKEN: list[dict[str, Any]] = [
    {"role": "system", "content": "You are terse.\nVery."},
    {"role": "user", "content": 'Say "50 %_off" & <b>GRÖSSE</b>'},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "found"},
    {"role": "assistant", "content": "done"},
]


@pytest.fixture
def sheets(tmp_path: Path) -> FileTrainingSheets:
    pairs = rows(5)
    pairs[1] |= {"messages": SPOKEN, "tools": [{"type": "function", "function": {"name": "look_up"}}]}
    pairs[2] |= {"pair_id": "p-0003"}  # which another one has
    pairs[4] |= {"messages": None, "status": "rejected"}
    write_sheet(tmp_path, "small", pairs)
    return FileTrainingSheets([tmp_path])


def test_a_conversation_has_its_turns_and_calls(sheets: FileTrainingSheets) -> None:
    with sheets.open("small") as opened:
        (found,) = conversations(opened, "p-0001")
        assert [message["role"] for message in found.messages] == [message["role"] for message in SPOKEN]
        assert [message["content"] for message in found.messages] == [message["content"] for message in SPOKEN]
        assert "look_up" in str(found.messages[2]["tool_calls"])
        assert "look_up" in str(found.tools)
        assert len(conversations(opened, "p-0003")) == 2
        assert conversations(opened, "p-0004")[0].messages == ()
        assert conversations(opened, "' OR 1 = 1") == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('"50 %_off"', ["p-0001"]),
        ("größe", []),
        ("GRösSE", ["p-0001"]),
        ("überfall", ["p-0001"]),
        ("<b>", ["p-0001"]),
        ("terse.\nvery", ["p-0001"]),
        ("queue", ["p-0000", "p-0003"]),
        ("'); DROP", []),
    ],
)
def test_a_search_is_for_the_text_itself(sheets: FileTrainingSheets, text: str, ids: list[str]) -> None:
    with sheets.open("small") as opened:
        assert sorted(_said(opened, text)) == ids


def _said(opened: OpenSheet, text: str) -> list[str]:
    return pairs_that_say(opened, text, limit=100)
