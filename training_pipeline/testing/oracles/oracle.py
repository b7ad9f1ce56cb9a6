"""The gates once more, in plain Python over dictionaries, written from the product's words and not from the code."""

from __future__ import annotations

import json
from collections import defaultdict

from training_pipeline.testing.oracles.question_oracle import Row, put_to_many, questions, shown, spoken
from training_pipeline.testing.oracles.text_oracle import blank, strict, word

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
FIELDS = ["role", "content", "name", "weight", "tool_calls", "tool_call_id"]


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
    tools = {"tools": json.loads(row["tools"])} if row.get("tools") else {}
    return json.dumps({**tools, "messages": messages}, ensure_ascii=False, separators=(",", ":"))


def copied(row: Row) -> str:
    """What makes a row a copy."""
    said = [(m.get("role"), strict(m.get("content")), m.get("tool_calls")) for m in row["messages"]]
    return repr((row.get("tools"), said))


def valid(row: Row, pair_ids: list[str | None]) -> bool:
    """Whether the pair can be judged at all: ids, messages and their order."""
    if blank(row.get("pair_id")) or pair_ids.count(row["pair_id"]) > 1 or blank(row.get("item_ref")):
        return False
    messages = row.get("messages")
    if row.get("tools") == "":  # something that is no list of tool definitions stood there
        return False
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
    instructions = put_to_many(rows, items)
    barred = [row for row in rows if "training" in prohibited(row, tags) and row.get("messages")]
    forbidden, within = {tuple(spoken(row)) for row in barred}, {example for row in barred for example in shown(row)}
    reserved, later = (
        {asked for row in rows if held_out(row, tags) for asked in questions(row)[kind]} - instructions
        for kind in (0, 1)
    )
    for index, row in enumerate(rows):
        if reasons[index] is None and (shown(row) & forbidden or tuple(spoken(row)) in within):
            reasons[index] = "identical_to_prohibited"
        asked = questions(row)
        if reasons[index] is None and ({*asked[0], *asked[1]} & reserved or {*asked[0]} & later):
            reasons[index] = "held_out_prompt"
    may_validate = [
        stated(row) and "validation" in allowed(row) and "validation" not in prohibited(row, tags) for row in rows
    ]
    copies = defaultdict(list)
    for index, row in enumerate(rows):
        if reasons[index] is None:
            copies[copied(row)].append(index)
    for same in copies.values():
        kept, *others = sorted(same, key=lambda index: rows[index]["pair_id"])
        may_validate[kept] = all(may_validate[index] for index in same)
        for index in others:
            reasons[index] = "duplicate"
    return [(reason, reason is None and validates) for reason, validates in zip(reasons, may_validate, strict=True)]
