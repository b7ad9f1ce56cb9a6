"""What falls on one side of a split once more, in plain Python, from the product's words and not from the code."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

from training_pipeline.testing.oracles.question_oracle import Row, Turn, put_to_many, questions, spoken, turns_of
from training_pipeline.testing.oracles.text_oracle import word


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
