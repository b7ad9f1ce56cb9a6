from __future__ import annotations

import json
from typing import Any

import pytest

from training_pipeline.domain.rules.examples.tool_calls import FAULTS, calls_of, fault_of
from training_pipeline.testing.sheets.texts import NO_CALLS, NO_FUNCTIONS

CALL = {"function": {"name": "look", "arguments": '{"at":"Graz"}'}}
BAD = {"function": {"name": "look", "arguments": '{"at": Graz}'}}


@pytest.mark.parametrize("stated", [None, [], "[]", " [ ] ", "null"])
def test_nothing_is_called(stated: Any) -> None:
    assert (calls_of(stated), fault_of(stated)) == (None, None)


@pytest.mark.parametrize(
    "calls", [[CALL], [{"id": 1, **CALL}, {"function": {"name": "f", "arguments": {"at": "Graz"}}}]]
)
def test_calls_are_a_list_or_its_text(calls: list[Any]) -> None:
    assert [(calls_of(stated), fault_of(stated)) for stated in (calls, json.dumps(calls))] == [(calls, None)] * 2


@pytest.mark.parametrize(
    "stated", [*NO_CALLS, *NO_FUNCTIONS, False, [{"function": {"name": "f", "arguments": float("nan")}}]]
)
def test_what_is_no_list_of_calls_is_a_fault(stated: Any) -> None:
    assert fault_of(stated) == "invalid_tool_calls"


@pytest.mark.parametrize("stated", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_that_no_double_can_hold_is_a_fault(stated: str) -> None:
    assert fault_of('[{"function":{"name":"f","arguments":[N]}}]'.replace("N", stated)) == "invalid_tool_calls"
    assert fault_of([{"function": {"name": "look", "arguments": f'{{"n": {stated}}}'}}]) == "invalid_tool_arguments"


@pytest.mark.parametrize("stated", [[CALL, BAD], json.dumps([BAD])])
def test_arguments_in_text_must_be_json(stated: Any) -> None:
    assert fault_of(stated) == "invalid_tool_arguments"
    assert set(FAULTS) == {"invalid_tool_calls", "invalid_tool_arguments"}
