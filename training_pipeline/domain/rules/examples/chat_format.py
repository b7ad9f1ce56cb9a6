"""Validation of one Q&A pair: every problem of a row, each with its path, a stable code and a severity.

The codes of the chat format follow the checks of OpenAI's fine-tuning cookbook, with `tool_calls`, `weight` and the
order of the roles added. A row with a problem whose code is in `INVALIDATING` is `invalid` at the gates, and no other
row is; the gates say the same in expressions over columns. Messages describe what is wrong, never the text of a pair.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Final

from training_pipeline.domain.rules.examples.json_text import as_double, is_ambiguous, is_finite, parsed
from training_pipeline.domain.rules.examples.tool_calls import FAULTS, calls_of, fault_of
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE
from training_pipeline.domain.training_sheet import ROLES
from training_pipeline.domain.usage import REVIEW_WORDS, DataClassification, Status, Use


class Severity(StrEnum):
    """An error excludes a row, or the whole sheet, from training; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


#: What a text column may hold; a tuple, for a union is made anew whenever it is looked at.
_TEXT: Final = (str, NoneType)
_TEXT_OR_NUMBER: Final = (str, int, NoneType)
#: Problems that make a row `invalid`.
INVALIDATING: Final = frozenset(
    {
        "missing_pair_id",
        "duplicate_pair_id",
        "missing_item_ref",
        "unknown_status",
        "missing_messages_list",
        "data_type",
        "message_missing_key",
        "unrecognized_role",
        "missing_content",
        "system_not_first",
        "example_missing_assistant_message",
        "last_message_not_assistant",
        "invalid_weight",
        "nothing_to_train",
        "invalid_tools",
        "invalid_tool_calls",
        "invalid_tool_arguments",
    }
)

WARNINGS: Final = frozenset(
    {
        "missing_status",
        "missing_allowed_uses",
        "missing_prohibited_uses",
        "missing_classification",
        "message_unrecognized_key",
        "not_text",
        "nul",
        "missing_user",
        "special_token",
        "roles_do_not_alternate",
        "repeated_key",
        "duplicate_example",
        "same_question_different_answers",
    }
)

#: What a file that is no sheet yet need not say: whoever imports it does.
STATED_AT_IMPORT: Final = frozenset(
    {"missing_status", "missing_allowed_uses", "missing_prohibited_uses", "missing_classification"}
)

MESSAGE_KEYS: Final = frozenset({"role", "content", "name", "weight", "tool_calls", "tool_call_id"})

USE_COLUMNS: Final = ("allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses")

#: Marks that chat templates give a meaning to; in a text they would end a message early.
SPECIAL_TOKENS: Final = re.compile(r"<\|\w{1,40}\|>|<(?:start|end)_of_turn>|\[/?INST\]|</s>")

_STATUS_WORDS: Final = frozenset(Status) | frozenset(REVIEW_WORDS)
_USES: Final = frozenset(Use)
_CLASSIFICATIONS: Final = frozenset(DataClassification)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem; `line` counts from 1 (rows, for Parquet) and is null for the file as a whole."""

    path: str
    code: str
    message: str
    line: int | None = None

    @property
    def severity(self) -> Severity:
        """Whether this is an error or a warning."""
        return Severity.WARNING if self.code in WARNINGS else Severity.ERROR


def text_of(value: object) -> str | None:
    """A value of a text column as text: null stays null, and what is no string becomes its JSON text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def is_blank(text: str | None) -> bool:
    """Whether a text is missing, empty or nothing but white space."""
    return text is None or not text.strip(WHITE_SPACE)


def word_of(text: str | None) -> str:
    """A word as the gates compare it: in lower case, without spaces, tabs and line ends around it."""
    return (text or "").strip(" \t\n\r").lower()


def pair_problems(row: Mapping[str, object]) -> Iterator[Problem]:
    """Every problem of one row but those that need other rows, in the order of the columns.

    `row` holds the values as JSON has them: text, numbers, lists, objects. An absent column counts as null.
    """
    pair_id, item_ref = text_of(row.get("pair_id")), text_of(row.get("item_ref"))
    if is_blank(pair_id):
        yield Problem("pair_id", "missing_pair_id", "is missing or blank; every pair needs a unique id")
    yield from message_problems(row.get("messages"))
    if not _are_tools(row.get("tools")):
        expected = "expected a list of tool definitions (objects), or the JSON text of one"
        yield Problem(
            "tools",
            "invalid_tools",
            f"is something else, or has a key twice in one object or a number that no double can hold; {expected}",
        )
    if is_blank(item_ref):
        yield Problem("item_ref", "missing_item_ref", "is missing or blank; name the item of the source sheet")
    yield from _status_problems(text_of(row.get("status")))
    yield from _constraint_problems(row)
    for column in ("pair_id", "item_ref", "status", "usage_reason", "canonical_label_id", "reviewed_by"):
        if not isinstance(value := row.get(column), _TEXT_OR_NUMBER) or isinstance(value, bool):
            yield Problem(column, "not_text", "is not text; its JSON text is used")
        elif isinstance(value, str) and "\0" in value:
            yield Problem(column, "nul", "has the character NUL, which no database holds; U+FFFD is shown in its place")


def _are_tools(tools: object) -> bool:
    if isinstance(tools, str):
        tools = parsed(tools)
    are_objects = isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)
    return tools is None or (are_objects and not is_ambiguous(tools) and is_finite(tools))


def _status_problems(status: str | None) -> Iterator[Problem]:
    if not (word := word_of(status)):
        yield Problem("status", "missing_status", "is missing: the pair counts as unlabeled")
    elif word not in _STATUS_WORDS:
        yield Problem("status", "unknown_status", f"{_shown(word)} is not one of {_listed(_STATUS_WORDS)}")


def _constraint_problems(row: Mapping[str, object]) -> Iterator[Problem]:
    for column in USE_COLUMNS:
        uses = row.get(column)
        if uses is None:
            if not column.startswith("label_"):
                yield Problem(column, f"missing_{column}", "is missing: the pair may not be trained on")
        elif not isinstance(uses, list) or not all(isinstance(use, str) for use in uses):
            yield Problem(column, "uses_not_a_list", "is not a list of words: the pair may not be trained on")
        elif not uses and column == "allowed_uses":
            yield Problem(column, "missing_allowed_uses", "is empty: the pair may not be used for anything")
        else:
            for index, use in enumerate(uses):
                if word_of(use) not in _USES:
                    yield Problem(f"{column}[{index}]", "unknown_use", f"{_shown(use)} is not one of {_listed(Use)}")
    for column in ("data_classification", "label_data_classification"):
        if not (word := word_of(text_of(row.get(column)))):
            if not column.startswith("label_"):
                yield Problem(column, "missing_classification", "is missing: the pair may not be trained on")
        elif word not in _CLASSIFICATIONS:
            expected = _listed(DataClassification)
            yield Problem(column, "unknown_classification", f"{_shown(word)} is not one of {expected}")


def message_problems(messages: object) -> Iterator[Problem]:
    """Every problem of one chat example."""
    if not isinstance(messages, list) or not messages:
        found = "is empty" if isinstance(messages, list) else "is missing" if messages is None else "is not a list"
        yield Problem("messages", "missing_messages_list", f"{found}; expected a list of {{role, content}} objects")
        return
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if not isinstance(message, dict):
            yield Problem(path, "data_type", "is not an object with role and content")
        else:
            yield from _one_message(path, index, message)
    yield from _example_problems([message for message in messages if isinstance(message, dict)], messages[-1])


def _one_message(path: str, index: int, message: Mapping[str, object]) -> Iterator[Problem]:
    for key in () if message.keys() <= MESSAGE_KEYS else sorted(message.keys() - MESSAGE_KEYS):
        yield Problem(path, "message_unrecognized_key", f"unknown key {_shown(key)} is ignored")
    role, content, weight = message.get("role"), message.get("content"), message.get("weight")
    if "role" not in message:
        yield Problem(f"{path}.role", "message_missing_key", "is missing")
    elif role not in ROLES:
        shown = _shown(role) if isinstance(role, str) else "what is there"
        yield Problem(f"{path}.role", "unrecognized_role", f"{shown} is not one of {', '.join(ROLES)}")
    elif role == "system" and index > 0:
        yield Problem(f"{path}.role", "system_not_first", "a system message must come first")
    if isinstance(content, str) and not is_blank(content):
        if special := SPECIAL_TOKENS.search(content):
            yield Problem(f"{path}.content", "special_token", f"contains the special token {special.group()}")
    elif not (role == "assistant" and isinstance(calls_of(message.get("tool_calls")), list)):
        if "content" not in message:
            yield Problem(f"{path}.content", "message_missing_key", "is missing")
        else:
            found = "is blank" if isinstance(content, str) else "is null" if content is None else "is not text"
            yield Problem(f"{path}.content", "missing_content", f"{found}; expected text")
    elif content is not None and not isinstance(content, str):
        yield Problem(f"{path}.content", "not_text", "is not text and is ignored")
    if fault := fault_of(message.get("tool_calls")):
        yield Problem(f"{path}.tool_calls", fault, FAULTS[fault])
    if weight is not None:
        if role != "assistant":
            yield Problem(f"{path}.weight", "invalid_weight", "only assistant messages may have a weight")
        elif as_double(weight) not in (0, 1):
            yield Problem(f"{path}.weight", "invalid_weight", "must be 0 or 1")
    for key in ("name", "tool_call_id"):
        if not isinstance(message.get(key), _TEXT):
            yield Problem(f"{path}.{key}", "not_text", "is not text and is ignored")


def _example_problems(messages: list[dict[str, object]], last: object) -> Iterator[Problem]:
    roles = [message.get("role") for message in messages]
    answers = [message for message in messages if message.get("role") == "assistant"]
    if not answers:
        yield Problem("messages", "example_missing_assistant_message", "has no assistant message to train on")
    if not (isinstance(last, dict) and last.get("role") == "assistant"):
        yield Problem("messages", "last_message_not_assistant", "does not end with an assistant message")
    if answers and all(as_double(answer.get("weight")) == 0 for answer in answers):
        yield Problem("messages", "nothing_to_train", "every assistant message has weight 0")
    if "user" not in roles:
        yield Problem("messages", "missing_user", "has no user message")
    turns = [role for role in roles if role != "system"]
    if (turns and turns[0] == "assistant") or any(
        before == after and after in ("user", "assistant") for before, after in itertools.pairwise(turns)
    ):
        yield Problem("messages", "roles_do_not_alternate", "user and assistant messages do not alternate")


def _shown(word: str) -> str:
    """A single word in quotes. Longer text is shown by its length, as it may be a pair's text in the wrong column."""
    return f"'{word}'" if re.fullmatch(r"[\w.-]{1,30}", word) else f"a text of {len(word)} characters"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
