"""A small task that the built-in model can truly learn: short answers, decided by words in the question."""

from __future__ import annotations

import json
import random
from pathlib import Path

_FINDINGS = {
    "hairline crack": "structural, urgent",
    "loose bolt": "mechanical, routine",
    "worn bearing": "mechanical, urgent",
    "frayed cable": "electrical, urgent",
    "blown fuse": "electrical, routine",
    "surface rust": "structural, routine",
    "oil leak": "hydraulic, urgent",
    "low fluid level": "hydraulic, routine",
}
_PLACES = ["the north crane", "pump 7", "the loading dock", "conveyor B", "hall 3", "the old press", "silo 12"]
_OPENINGS = ["The inspector noted", "During the round we saw", "Report:", "Found today:", "The night shift reports"]
_ENDINGS = ["Which team, how soon?", "Please triage.", "Who takes it and when?"]


def triage_pairs(count: int, seed: int = 0) -> list[dict[str, object]]:
    """`count` different chat examples; the finding in the question decides the answer."""
    randomness = random.Random(seed)
    pairs: dict[str, str] = {}
    while len(pairs) < count:
        finding, answer = randomness.choice(list(_FINDINGS.items()))
        place, day = randomness.choice(_PLACES), randomness.randint(1, 28)
        question = f"{randomness.choice(_OPENINGS)} {finding} at {place} on day {day}. {randomness.choice(_ENDINGS)}"
        pairs[question] = answer
    return [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in pairs.items()
    ]


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    """Write a row a line; returns the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
