from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.domain.rules.examples.chat_format import Severity
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.importing.formats.base import Notes
from training_pipeline.sheets.importing.formats.messages import messages_of, text_of_content
from training_pipeline.sheets.importing.importer import Imported, import_sheet
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, request_for, turns
from training_pipeline.testing.sheets.texts import NO_CALLS

USER = {"role": "user", "content": "q"}
SOUND = {"messages": [USER, {"role": "assistant", "content": "a"}]}


def chat(tmp_path: Path, *messages: dict[str, Any], **row: Any) -> dict[str, Any]:
    imported = import_rows(tmp_path, [{"messages": list(messages), **row}], status="labeled")
    return pairs_of(imported)[0]


def test_text_parts_are_read_one_behind_the_other() -> None:
    notes = Notes()
    content = [{"type": "text", "text": "a "}, {"type": "input_text", "text": "b"}, "c"]
    assert text_of_content(content, notes, "m") == "a bc"
    assert not notes.problems


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "image", "file", "video_url"])
def test_images_and_audio_are_refused_by_row(tmp_path: Path, kind: str) -> None:
    pictured = {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": kind, kind: {"url": "x"}}]}
    answer = {"role": "assistant", "content": "a"}
    rows = [{"messages": [USER, answer]}, {"messages": [pictured, answer]}]
    imported = import_rows(tmp_path, rows, status="labeled")
    (finding,) = imported.conversion.tally.findings
    assert finding.where("f.jsonl", "line") == "f.jsonl, line 2, messages[0].content[1]"
    assert finding.message == f"is of the type {kind}; only text is read"
    assert (imported.conversion.tally.sound, pairs_of(imported)[1]["messages"]) == (1, None)


@pytest.mark.parametrize(
    ("key", "value", "weight"),
    [
        ("weight", 0, 0.0),
        ("loss_weight", 0.0, 0.0),
        ("loss_weight", 1, 1.0),
        ("train", False, 0.0),
        ("trainable", False, 0.0),
        ("loss", 0, 0.0),
    ],
)
def test_a_turn_that_is_not_to_be_trained_gets_weight_0(tmp_path: Path, key: str, value: Any, weight: float) -> None:
    draft = {"role": "assistant", "content": "draft", key: value}
    pair = chat(tmp_path, USER, draft, USER, {"role": "assistant", "content": "good"})
    assert [message.get("weight") for message in pair["messages"]] == [None, weight, None, None]


def test_contradicting_and_halved_weights_are_refused(tmp_path: Path) -> None:
    for weights in ({"weight": 1, "train": False}, {"loss_weight": 0.5}):
        with pytest.raises(SheetUnreadable, match=r"must be 0 or 1|contradicts"):
            chat(tmp_path, USER, {"role": "assistant", "content": "a", **weights})


def test_every_other_key_is_counted(tmp_path: Path) -> None:
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "hm",
        "refusal": None,
        "audio": [],
    }
    imported = import_rows(tmp_path, [{"messages": [USER, answer]}] * 3, status="labeled")
    assert imported.conversion.tally.unused == {"messages[].reasoning_content": 3}


def test_calls_with_their_results_in_every_spelling(tmp_path: Path) -> None:
    function = {"name": "fly", "arguments": '{"m": 1}'}
    called = {"role": "assistant", "content": None, "function_call": function}
    result = {"role": "function", "name": "fly", "content": "ok"}
    last = {"role": "assistant", "content": "done"}
    pair = chat(
        tmp_path, {"role": "developer", "content": "s"}, USER, called, result, last, functions=[{"name": "fly"}]
    )
    assert [role for role, _ in turns(pair)] == ["system", "user", "assistant", "tool", "assistant"]
    (call,) = json.loads(pair["messages"][2]["tool_calls"])
    assert call["function"] == function
    assert pair["messages"][3]["tool_call_id"] == call["id"]
    assert json.loads(pair["tools"]) == [{"type": "function", "function": {"name": "fly"}}]


def again(imported: Imported, directory: Path) -> Imported:
    """An import of what was imported, by its own columns."""
    own = {name: name for name in ("status", "allowed_uses", "prohibited_uses", "data_classification")}
    request = request_for(imported.data, mapping={"columns": own}, allow=(), prohibit=(), classification=None)
    return import_sheet(request, directory / "again")


BROKEN = [{"type": "function", "function": {"name": "f", "arguments": "{m: 1}"}}]


@pytest.mark.parametrize("calls", [BROKEN, json.dumps(BROKEN), *NO_CALLS])
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_calls_that_cannot_be_read_make_a_pair_invalid(tmp_path: Path, calls: Any, suffix: str) -> None:
    """Beside an answer in words, too, and also where what was imported is imported once more."""
    broken = {"messages": [USER, {"role": "assistant", "content": "done", "tool_calls": calls}]}
    imported = import_rows(tmp_path, [broken, SOUND], status="labeled")
    assert imported.conversion.tally.sound == 1
    if suffix == ".parquet":
        imported = again(imported, tmp_path)
    pair, _ = pairs_of(imported)
    assert pair["messages"][1]["tool_calls"] == ""
    (problem,) = (one for one in check(imported.data, imported.head).problems if one.severity is Severity.ERROR)
    assert problem.code == "invalid_tool_calls"


@pytest.mark.parametrize(
    ("call", "is_sound"), [('{"name": "fly", "arguments": "{}"}', True), ("fly", False), ([], False)]
)
def test_a_function_call_that_cannot_be_read_makes_a_pair_invalid(tmp_path: Path, call: Any, is_sound: bool) -> None:
    row = {"messages": [USER, {"role": "assistant", "content": "done", "function_call": call}]}
    imported = import_rows(tmp_path, [row, SOUND], status="labeled")
    assert imported.conversion.tally.sound == 1 + is_sound
    pair, _ = pairs_of(imported)
    assert (pair["messages"] is not None) == is_sound


@pytest.mark.parametrize("call", [{"name": "f", "arguments": "{}"}, {"id": "7", "type": "function", "name": "f"}])
def test_a_call_with_its_name_outside_of_a_function_is_read(tmp_path: Path, call: dict[str, Any]) -> None:
    row = {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]}
    imported = import_rows(tmp_path, [row], status="labeled")
    (called,) = json.loads(pairs_of(imported)[0]["messages"][1]["tool_calls"])
    function = {key: call[key] for key in ("name", "arguments") if key in call}
    assert called == {"type": "function", "id": call.get("id", "call_1_0"), "function": function}


def test_tool_definitions_that_cannot_be_read_stay_so_when_imported_again(tmp_path: Path) -> None:
    imported = import_rows(tmp_path, [SOUND | {"tools": "fly"}, SOUND], status="labeled")
    assert [pair["tools"] for one in (imported, again(imported, tmp_path)) for pair in pairs_of(one)] == ["", None] * 2


def test_what_was_read_is_left_as_it_is() -> None:
    calls = [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]
    row = [{"role": "assistant", "content": None, "tool_calls": calls}]
    before = json.dumps(row)
    assert messages_of(row, Notes(), "messages") == messages_of(row, Notes(), "messages")
    assert json.dumps(row) == before


WORDS = st.none() | st.sampled_from(["user", "human", "tool", "", "text"]) | st.integers() | st.just(["user"])
MESSAGES = st.dictionaries(st.sampled_from(["role", "from", "content", "value", "text", "name"]), WORDS, max_size=3)


@given(message=MESSAGES)
def test_a_message_of_role_and_content_is_read_as_one_that_has_more(message: dict[str, Any]) -> None:
    """`name` of null says nothing, and keeps the message from the short way."""
    short, long = Notes(), Notes()
    found = messages_of([message], short, "m"), messages_of([{**message, "name": message.get("name")}], long, "m")
    assert (found[0], short) == (found[1], long)
