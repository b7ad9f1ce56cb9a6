"""The rules once more, in plain Python over dictionaries, written from the product's words and not from the code."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import combinations
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
    tools = {"tools": json.loads(row["tools"])} if row.get("tools") else {}
    return json.dumps({**tools, "messages": messages}, ensure_ascii=False, separators=(",", ":"))


def _invisible(character: str) -> bool:
    """Format and control characters, fillers, variation selectors and blanks: nothing of them is seen."""
    code = ord(character)
    ignorable = (
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0, 0x2800),
        *(*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFD), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
        *(0x1D159, *range(0x13430, 0x13440)),
    )
    return (
        character in SPACES
        or unicodedata.category(character) == "Cc"
        or code in ignorable
        or 0xE0000 <= code <= 0xE0FFF
    )


_LETTERS = {unicodedata.normalize("NFD", chr(code)): chr(code) for code in range(0xC0, 0x100)}


def _composed(text: str) -> str:
    """A decomposed text with the accented letters of Latin-1 as one character, where only one mark follows at first."""
    for pair, letter in _LETTERS.items():
        text = text.replace(pair, letter)
    return text


@lru_cache(maxsize=10_000)
def loose(text: str | None) -> str:
    """The text as questions and examples are compared."""
    seen = text or ""
    while True:
        plain = unicodedata.normalize("NFKD", seen)
        hidden = {c for c in set(plain) if _invisible(c)}
        spelled = unicodedata.normalize("NFKD", "".join(c for c in plain if c not in hidden))
        if (folded := unicodedata.normalize("NFKD", spelled.casefold())) == seen:
            break
        seen = folded
    seen = _composed(seen)
    punctuation = {c for c in set(seen) if unicodedata.category(c).startswith("P") or c in "$+<=>^`|~"}
    return seen.strip("".join(punctuation)) or seen


def strict(text: str | None) -> str | None:
    """The text as copies are compared."""
    return None if text is None else _composed(unicodedata.normalize("NFD", text)).strip(SPACES)


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


def put_to_many(rows: list[Row], items: int) -> set[tuple[Turn, ...]]:
    """Questions that are put to more items than that."""
    about = defaultdict(set)
    for row in rows:
        if word(row.get("item_ref")):
            for asked in questions(row)[0]:
                about[asked].add(row["item_ref"].strip(" \t\n\r"))
    return {asked for asked, of in about.items() if len(of) > items}


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


def asked_texts(row: Row, instructions: set[tuple[Turn, ...]]) -> list[tuple[str, bool]]:
    """What a row asks outright (True), and in one turn alone, as nearly equal questions are compared."""
    found = questions(row)
    if set(found[0]) <= instructions:
        return []
    outright = [(asked, True) for asked in found[0]]
    said = spoken(row)
    turns = [(asked, False) for own, end, _, _ in turns_of(row) if own and (asked := tuple(said[own:end])) in found[1]]
    return [
        ("".join(content for _, content, _ in asked), mark)
        for asked, mark in [*outright, *turns]
        if asked not in instructions
    ]


def near(included: list[Row], instructions: set[tuple[Turn, ...]], similarity: float) -> list[set[str]]:
    """Pairs of pair ids with nearly equal questions, by comparing each question with each."""
    texts = {(row["pair_id"], *asked) for row in included for asked in asked_texts(row, instructions) if asked[0]}
    pieces = {text: {text[at : at + 5] for at in range(max(len(text) - 4, 1))} for _, text, _ in texts}
    many = Counter(piece for of in pieces.values() for piece in of)
    template = {piece for piece, times in many.items() if times >= 20 and times > len(pieces) / 2}
    alike = defaultdict(list)
    for pair_id, text, outright in sorted(texts):
        if pieces[text] - template:
            digits = " ".join("".join(c if c.isdecimal() else " " for c in text).split())
            alike[digits].append((pair_id, pieces[text] - template, outright))
    return [
        {one, other}
        for group in alike.values()
        for (one, first, outright), (other, second, also) in combinations(group, 2)
        if (outright or also) and one != other
        if len(first & second) / len(first | second) >= similarity
    ]


def ties(rows: list[Row], included: list[Row], items: int, similarity: float = 0) -> list[set[str]]:
    """Groups of pair ids that must fall on one side, by joining whatever shares a key until nothing changes; with a
    `similarity`, nearly equal questions as well.
    """
    instructions = put_to_many(rows, items)
    outright = {asked for row in rows for asked in questions(row)[0]}
    shared = defaultdict(set)
    for row in included:
        shared["item", row["item_ref"].strip(" \t\n\r")].add(row["pair_id"])
        if word(row.get("canonical_label_id")):
            shared["label", row["canonical_label_id"].strip(" \t\n\r")].add(row["pair_id"])
        for asked in {*questions(row)[0], *(outright & set(questions(row)[1]))} - instructions:
            shared["question", asked].add(row["pair_id"])
    # Of what is nearly asked the split knows as instructions what the included pairs ask outright: it ties more, so.
    known = instructions & {asked for row in included for asked in questions(row)[0]}
    groups: list[set[str]] = []
    for group in [*shared.values(), *(near(included, known, similarity) if similarity else ())]:
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group] + [group.union(*joined)]
    return groups
