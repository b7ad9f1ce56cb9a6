from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.rules.examples.chat_format import (
    INVALIDATING,
    WARNINGS,
    Severity,
    message_problems,
    pair_problems,
    text_of,
)

USER = {"role": "user", "content": "Which queue?"}
ANSWER = {"role": "assistant", "content": "purchasing"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "look"}}]}
GOOD: dict[str, Any] = {
    "pair_id": "p1",
    "messages": [USER, ANSWER],
    "item_ref": "INV-1",
    "status": "labeled",
    "allowed_uses": ["training", "validation"],
    "prohibited_uses": [],
    "data_classification": "internal",
}


def found(problems: Any) -> set[tuple[str, str]]:
    return {(problem.path, problem.code) for problem in problems}


@pytest.mark.parametrize("column", ["pair_id", "reviewed_by", "usage_reason"])
def test_nul_in_a_text_column_is_told(column: str) -> None:
    assert found(pair_problems(GOOD | {column: "a\0"})) == {(column, "nul")}


def test_a_good_pair_has_no_problem() -> None:
    assert found(pair_problems(GOOD)) == set()


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief."}, USER, ANSWER],
        [USER, CALL, {"role": "tool", "content": "7", "tool_call_id": "1"}, ANSWER],
        [USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}],
        [USER, {"role": "assistant", "tool_calls": '[{"function": {"name": "look"}}]'}],
        [{**USER, "name": "dana"}, {**ANSWER, "weight": None}],
    ],
)
def test_accepted_chats(messages: list[Any]) -> None:
    assert found(message_problems(messages)) == set()


@pytest.mark.parametrize(
    ("messages", "path", "code"),
    [
        (None, "messages", "missing_messages_list"),
        ("text", "messages", "missing_messages_list"),
        ([], "messages", "missing_messages_list"),
        ([USER, "text", ANSWER], "messages[1]", "data_type"),
        ([{"content": "x"}, ANSWER], "messages[0].role", "message_missing_key"),
        ([{"role": "user"}, ANSWER], "messages[0].content", "message_missing_key"),
        ([{"role": "bot", "content": "x"}, ANSWER], "messages[0].role", "unrecognized_role"),
        ([{"role": ["user"], "content": "x"}, ANSWER], "messages[0].role", "unrecognized_role"),
        ([{"role": "user", "content": 5}, ANSWER], "messages[0].content", "missing_content"),
        ([{"role": "user", "content": " \n\u00a0"}, ANSWER], "messages[0].content", "missing_content"),
        ([USER, {**CALL, "tool_calls": []}], "messages[1].content", "missing_content"),
        ([{**USER, "tool_calls": [1], "content": None}, ANSWER], "messages[0].content", "missing_content"),
        ([USER, {"role": "system", "content": "x"}, ANSWER], "messages[1].role", "system_not_first"),
        ([USER, {**ANSWER, "tool_calls": {"id": "1"}}], "messages[1].tool_calls", "invalid_tool_calls"),
        ([USER], "messages", "example_missing_assistant_message"),
        ([ANSWER, USER], "messages", "last_message_not_assistant"),
        ([USER, {**ANSWER, "weight": 0.5}], "messages[1].weight", "invalid_weight"),
        ([USER, {**ANSWER, "weight": True}], "messages[1].weight", "invalid_weight"),
        ([USER, {**ANSWER, "weight": 10**400}], "messages[1].weight", "invalid_weight"),
        ([USER, {**ANSWER, "weight": "1"}], "messages[1].weight", "invalid_weight"),
        ([{**USER, "weight": 1}, ANSWER], "messages[0].weight", "invalid_weight"),
        ([USER, {**ANSWER, "weight": 0}], "messages", "nothing_to_train"),
    ],
)
def test_invalid_chats(messages: Any, path: str, code: str) -> None:
    problems = list(message_problems(messages))
    assert (path, code) in found(problems)
    assert code in INVALIDATING
    assert all(problem.severity is Severity.ERROR for problem in problems if problem.code == code)


@pytest.mark.parametrize(
    ("messages", "path", "code"),
    [
        ([{**USER, "mood": "x"}, ANSWER], "messages[0]", "message_unrecognized_key"),
        ([ANSWER], "messages", "missing_user"),
        ([{"role": "user", "content": "a <|im_start|> b"}, ANSWER], "messages[0].content", "special_token"),
        ([{"role": "user", "content": "a <|fim_suffix|> b"}, ANSWER], "messages[0].content", "special_token"),
        ([USER, USER, ANSWER], "messages", "roles_do_not_alternate"),
        ([{**USER, "name": 5}, ANSWER], "messages[0].name", "not_text"),
    ],
)
def test_warnings_leave_the_pair_valid(messages: Any, path: str, code: str) -> None:
    problems = list(message_problems(messages))
    assert (path, code) in found(problems)
    assert {problem.severity for problem in problems} == {Severity.WARNING}


@pytest.mark.parametrize(
    ("change", "path", "code", "severity"),
    [
        ({"pair_id": "  "}, "pair_id", "missing_pair_id", "error"),
        ({"item_ref": None}, "item_ref", "missing_item_ref", "error"),
        ({"status": "done"}, "status", "unknown_status", "error"),
        ({"status": None}, "status", "missing_status", "warning"),
        ({"allowed_uses": None}, "allowed_uses", "missing_allowed_uses", "warning"),
        ({"allowed_uses": []}, "allowed_uses", "missing_allowed_uses", "warning"),
        ({"allowed_uses": "training"}, "allowed_uses", "uses_not_a_list", "error"),
        ({"allowed_uses": ["training", None]}, "allowed_uses", "uses_not_a_list", "error"),
        ({"allowed_uses": ["training", "trainin"]}, "allowed_uses[1]", "unknown_use", "error"),
        ({"prohibited_uses": None}, "prohibited_uses", "missing_prohibited_uses", "warning"),
        ({"label_prohibited_uses": 5}, "label_prohibited_uses", "uses_not_a_list", "error"),
        ({"data_classification": None}, "data_classification", "missing_classification", "warning"),
        ({"label_data_classification": "x"}, "label_data_classification", "unknown_classification", "error"),
        ({"reviewed_by": True}, "reviewed_by", "not_text", "warning"),
    ],
)
def test_problems_outside_the_chat(change: dict[str, Any], path: str, code: str, severity: str) -> None:
    (problem,) = pair_problems(GOOD | change)
    assert (problem.path, problem.code, problem.severity) == (path, code, severity)


@pytest.mark.parametrize("status", ["Approved", " edited\n", "PENDING", "flagged", "unlabeled"])
def test_review_words_and_capitals_are_known(status: str) -> None:
    assert found(pair_problems(GOOD | {"status": status})) == set()


def test_the_sets_of_codes_do_not_overlap() -> None:
    assert not INVALIDATING & WARNINGS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON)))
def test_any_json_is_described_and_never_raises(row: dict[str, Any]) -> None:
    assert all(problem.message and problem.code for problem in pair_problems(row))


@given(st.text(alphabet="QZ ", min_size=40))
def test_no_message_repeats_a_text(secret: str) -> None:
    row = {**dict.fromkeys(GOOD, secret), "allowed_uses": [secret], "messages": [{"role": secret, secret: secret}]}
    assert not [problem for problem in pair_problems(row) if secret.strip() and secret.strip() in problem.message]


def test_text_of_keeps_text_and_writes_out_the_rest() -> None:
    assert [text_of(value) for value in (None, "a", 5, True, ["x"])] == [None, "a", "5", "true", '["x"]']
