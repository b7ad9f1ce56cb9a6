"""What conversations ask and show once more, in plain Python, from the product's words and not from the code."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from training_pipeline.testing.oracles.text_oracle import loose, word

Row = dict[str, Any]
Turn = tuple[str, str, tuple[str, ...]]
#: How many turns before a question a conversation is looked at from.
LATEST = 32


def called(text: str | None) -> tuple[str, ...]:
    """What a message calls: names, and the leaves of all arguments with their keys, in order."""
    found = []
    for call in json.loads(text) if text else []:
        found.append(loose(f"call:{call['function']['name']}"))
        arguments = call["function"].get("arguments")
        found += leaves(json.loads(arguments) if isinstance(arguments, str) else arguments)
    return tuple(sorted(found))


def leaves(value: Any, key: str = "") -> list[str]:
    """Each leaf in a value of JSON, with the key that it has."""
    if isinstance(value, dict):
        inner = [leaves(each, f"{json.dumps(name, ensure_ascii=False)}:") for name, each in value.items()]
    elif isinstance(value, list):
        inner = [leaves(each) for each in value]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return [loose(f"{key}{int(value) if value == int(value) else value}")]
    else:
        return [loose(key + json.dumps(value, ensure_ascii=False))] if key or value is not None else []
    return [*([loose(key)] if key else []), *(leaf for each in inner for leaf in each)]


def spoken(row: Row) -> list[Turn]:
    """Role, content and tool calls of each message but those of the system."""
    turns = []
    for message in row.get("messages") or []:
        role = word(message.get("role"))
        calls = called(message.get("tool_calls")) if role == "assistant" else ()
        if role != "system":
            turns.append((role if role in {"user", "assistant", "tool"} else "?", loose(message.get("content")), calls))
    return turns


def rows_of_users(row: Row) -> dict[int, Turn]:
    """What the user says in several messages in a row, as one: by the place that the first has among all messages but
    those of the system. A row of two messages and no more is none.
    """
    found: dict[int, Turn] = {}
    place, texts = 0, []
    for message in [*(row.get("messages") or []), {"role": "system"}]:
        if word(message.get("role")) == "user":
            texts.append(message.get("content") or "")
        else:
            if len(texts) > 1 and len(row["messages"]) > 2:
                found[place - len(texts)] = ("user", loose("".join(texts[:8])), ())
            texts = []
        place += word(message.get("role")) != "system"
    return found


def turns_of(row: Row) -> list[tuple[int, int, list[int], list[Turn]]]:
    """For each question: where its own turn begins and its answer is, where it and its later parts begin, and each
    message of the user in a turn of several, and those in a row as one.
    """
    turns, rows = spoken(row), rows_of_users(row)
    ends = [index for index, turn in enumerate(turns) if turn[0] == "assistant"]
    if turns and turns[-1][0] != "assistant":
        ends.append(len(turns))
    found = []
    for number, end in enumerate(ends):
        starts = [0, *(earlier + 1 for earlier in ends[:number])]
        own = range(starts[-1], end)
        said = [turns[place] for place in own] + [one for place, one in rows.items() if place in own]
        others = [turn for turn in said if turn[0] == "user" and turn[1]] if len(own) > 1 else []
        found.append((starts[-1], end, [0, *starts[1:][-LATEST:]], others))
    return found


def questions(row: Row) -> dict[int, list[tuple[Turn, ...]]]:
    """What a row asks: from its beginning (0), and from each of its later turns, or with one of the user's messages
    alone (1).
    """
    turns = spoken(row)
    found: dict[int, list[tuple[Turn, ...]]] = {0: [], 1: []}
    for own, end, (_, *later), others in turns_of(row):
        if any(content or calls for _, content, calls in turns[own:end]):
            found[0].append(tuple(turns[:end]))
            found[1] += [tuple(turns[start:end]) for start in later]
            found[1] += [(*turns[start:own], other) for other in others for start in [0, *later]]
    return found


def shown(row: Row) -> set[tuple[Turn, ...]]:
    """The examples that a row shows, the whole one among them."""
    turns = spoken(row)
    whole = {tuple(turns)} if row.get("messages") else set()
    answered = [found for found in turns_of(row) if found[1] < len(turns)]
    return whole.union(
        *({tuple(turns[start : end + 1]) for start in starts} for _, end, starts, _ in answered),
        *(
            {(*turns[start:own], other, turns[end]) for other in others for start in starts}
            for own, end, starts, others in answered
        ),
    )


def put_to_many(rows: list[Row], items: int) -> set[tuple[Turn, ...]]:
    """Questions that are put to more items than that."""
    about = defaultdict(set)
    for row in rows:
        if word(row.get("item_ref")):
            for asked in questions(row)[0]:
                about[asked].add(row["item_ref"].strip(" \t\n\r"))
    return {asked for asked, of in about.items() if len(of) > items}
