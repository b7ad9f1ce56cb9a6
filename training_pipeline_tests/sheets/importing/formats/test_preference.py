from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, turns

ASK, GOOD, BAD = ({"role": "user", "content": "q"}, {"role": "assistant", "content": "good"}, "never this")
EXPECTED = [("user", "q"), ("assistant", "good")]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": "good", "rejected": BAD},
        {"prompt": [ASK], "chosen": [GOOD], "rejected": [{"role": "assistant", "content": BAD}]},
        {"chosen": [ASK, GOOD], "rejected": [ASK, {"role": "assistant", "content": BAD}]},
        {"prompt": [ASK], "chosen": [ASK, GOOD], "rejected": [ASK]},
        {"prompt": "q", "chosen": [ASK, GOOD], "rejected": [ASK], "messages": [ASK, GOOD]},
        {
            "input": {"messages": [ASK], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [GOOD],
            "non_preferred_output": [{"role": "assistant", "content": BAD}],
        },
    ],
)
def test_the_chosen_answer_is_the_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    imported = import_rows(tmp_path, [row], status="labeled")
    assert [turns(pair) for pair in pairs_of(imported)] == [EXPECTED]
    assert imported.conversion.tally.left_out == {"rejected answers": 1}
    assert BAD.encode() not in imported.data.read_bytes()


@pytest.mark.parametrize(("good", "bad"), [(True, False), ("True", "False"), (1, 0), ("1", "0")])
def test_of_labelled_completions_the_good_ones(tmp_path: Path, good: object, bad: object) -> None:
    rows = [{"prompt": "q", "completion": "good", "label": good}, {"prompt": "q", "completion": BAD, "label": bad}]
    imported = import_rows(tmp_path, rows, status="labeled")
    assert [turns(pair) for pair in pairs_of(imported)] == [EXPECTED]
    assert imported.conversion.tally.left_out == {"completions not labelled true": 1}
    assert BAD.encode() not in imported.data.read_bytes()


def test_messages_that_say_something_else_are_not_left_aside(tmp_path: Path) -> None:
    row = {"prompt": "q", "chosen": [ASK, GOOD], "rejected": [ASK], "messages": [ASK, {**GOOD, "content": "other"}]}
    with pytest.raises(InvalidRequest, match=r"'messages' .* belongs to the question by its name"):
        import_rows(tmp_path, [row], status="labeled")
