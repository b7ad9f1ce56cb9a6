"""The rules once more, in plain Python over dictionaries, written from the product's words and not from the code."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

Row = dict[str, Any]

USES = {"training", "validation", "evaluation", "few_shot", "testing"}
CLASSES = ["public", "internal", "confidential", "restricted"]
STATUSES = {
    "": "unlabeled",
    "unlabeled": "unlabeled",
    "pending": "unlabeled",
    "labeled": "labeled",
    "approved": "labeled",
    "edited": "labeled",
    "rejected": "rejected",
    "flagged": "flagged",
}
TAGGED = {
    "PII": {"training", "validation"},
    "PHI": {"training", "validation"},
    "CONFIDENTIAL": {"few_shot", "evaluation"},
}
SPACES = "".join(
    map(
        chr, [9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    )
)
FIELDS = ["role", "content", "name", "weight", "tool_calls", "tool_call_id"]


def blank(text: str | None) -> bool:
    """Whether a text is missing or nothing but white space."""
    return text is None or not text.strip(SPACES)


def word(text: str | None) -> str:
    """A word of a vocabulary, as the rules compare it."""
    return (text or "").strip(" \t\n\r").lower()


def example(row: Row) -> str | None:
    """The example as the line it is written as."""
    if not row.get("messages"):
        return None
    messages = []
    for message in row["messages"]:
        written = {key: message.get(key) for key in FIELDS if message.get(key) is not None}
        if written.get("weight") in (0.0, 1.0):
            written["weight"] = int(written["weight"])
        if "tool_calls" in written:
            written["tool_calls"] = json.loads(written["tool_calls"])
        messages.append(written)
    return json.dumps({"messages": messages}, ensure_ascii=False, separators=(",", ":"))


def prompt(row: Row) -> tuple[tuple[str, str], ...] | None:
    """The question, so that case and white space make no difference."""
    messages = row.get("messages")
    if not messages:
        return None
    answers = [index for index, message in enumerate(messages) if message.get("role") == "assistant"]
    asked = messages[: answers[-1]] if answers else messages
    return tuple(
        ((message.get("role") or "").lower(), re.sub(f"[{SPACES}]", "", (message.get("content") or "").lower()))
        for message in asked
    )


def valid(row: Row, pair_ids: list[str | None]) -> bool:
    """Whether the pair can be judged at all: ids, messages and their order."""
    if blank(row.get("pair_id")) or pair_ids.count(row["pair_id"]) > 1 or blank(row.get("item_ref")):
        return False
    messages = row.get("messages")
    if word(row.get("status")) not in STATUSES or not messages or messages[-1].get("role") != "assistant":
        return False
    for index, message in enumerate(messages):
        role, weight = message.get("role"), message.get("weight")
        if role not in {"system", "user", "assistant", "tool"} or (role == "system" and index):
            return False
        calls = message.get("tool_calls")
        if blank(message.get("content")) and not (role == "assistant" and calls and json.loads(calls)):
            return False
        if weight is not None and (role != "assistant" or weight not in (0, 1)):
            return False
    return any(message["role"] == "assistant" and message.get("weight") != 0 for message in messages)


def words(uses: list[str | None] | None) -> set[str]:
    """A list of uses, as the rules compare them."""
    return {word(use) for use in uses or []}


def prohibited(row: Row, tags: list[str]) -> set[str]:
    """The uses that the pair, its label or the tags of the source deny."""
    by_tags = set().union(*(TAGGED.get(tag.upper(), set()) for tag in tags))
    return words(row.get("prohibited_uses")) | words(row.get("label_prohibited_uses")) | by_tags


def allowed(row: Row) -> set[str]:
    """The uses that the pair allows, and its label where that has a list."""
    of_label = row.get("label_allowed_uses")
    return words(row.get("allowed_uses")) & (USES if of_label is None else words(of_label))


def stated(row: Row) -> bool:
    """Nothing that must be said was left out, and every word is known."""
    lists = [
        row.get(name) for name in ("allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses")
    ]
    return (
        row.get("allowed_uses") is not None
        and row.get("prohibited_uses") is not None
        and all(words(uses) <= USES for uses in lists)
        and word(row.get("data_classification")) in CLASSES
        and word(row.get("label_data_classification")) in ["", *CLASSES]
    )


def held_out(row: Row, tags: list[str]) -> bool:
    """Whether the pair is for evaluation or testing, and not for training."""
    permitted = allowed(row) - prohibited(row, tags)
    trained = stated(row) and "training" in permitted
    return not trained and bool(permitted & {"evaluation", "testing"})


def alone(row: Row, pair_ids: list[str | None], tags: list[str]) -> str | None:
    """Why the pair is excluded by what it says itself; null where it passes."""
    if not valid(row, pair_ids):
        return "invalid"
    if (status := STATUSES[word(row.get("status"))]) != "labeled":
        return status
    if not stated(row) or "training" not in allowed(row):
        return "training_not_allowed"
    return "training_prohibited" if "training" in prohibited(row, tags) else None


def judge(rows: list[Row], tags: list[str], items: int) -> list[tuple[str | None, bool]]:
    """For every row its reason, and whether it is included and may stand in validation."""
    pair_ids = [row.get("pair_id") for row in rows]
    reasons = [alone(row, pair_ids, tags) for row in rows]
    asked_about = defaultdict(set)
    for row in rows:
        if prompt(row) is not None and word(row.get("item_ref")):
            asked_about[prompt(row)].add(row["item_ref"].strip(" \t\n\r"))
    instructions = {question for question, about in asked_about.items() if len(about) > items}
    forbidden = {example(row) for row in rows if "training" in prohibited(row, tags)} - {None}
    reserved = {prompt(row) for row in rows if held_out(row, tags)} - {None} - instructions
    for index, row in enumerate(rows):
        if reasons[index] is None and example(row) in forbidden:
            reasons[index] = "identical_to_prohibited"
        if reasons[index] is None and prompt(row) in reserved:
            reasons[index] = "held_out_prompt"
    may_validate = [
        stated(row) and "validation" in allowed(row) and "validation" not in prohibited(row, tags) for row in rows
    ]
    copies = defaultdict(list)
    for index, row in enumerate(rows):
        if reasons[index] is None:
            copies[example(row)].append(index)
    for same in copies.values():
        kept, *others = sorted(same, key=lambda index: rows[index]["pair_id"])
        may_validate[kept] = all(may_validate[index] for index in same)
        for index in others:
            reasons[index] = "duplicate"
    return [(reason, reason is None and validates) for reason, validates in zip(reasons, may_validate, strict=True)]


def ties(rows: list[Row], included: list[Row], items: int) -> list[set[str]]:
    """Groups of pair ids that must fall on one side, by joining whatever shares a key until nothing changes."""
    asked_about = defaultdict(set)
    for row in rows:
        if prompt(row) is not None and word(row.get("item_ref")):
            asked_about[prompt(row)].add(row["item_ref"].strip(" \t\n\r"))
    shared = defaultdict(set)
    for row in included:
        shared["item", row["item_ref"].strip(" \t\n\r")].add(row["pair_id"])
        if word(row.get("canonical_label_id")):
            shared["label", row["canonical_label_id"].strip(" \t\n\r")].add(row["pair_id"])
        if len(asked_about[prompt(row)]) <= items:
            shared["prompt", prompt(row)].add(row["pair_id"])
    groups: list[set[str]] = []
    for group in shared.values():
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group] + [group.union(*joined)]
    return groups
