"""Other answers of the suite that stand beside the expert's, for choice accuracy: which ones, by the pair's id alone.

Every answer has a place on a ring, by its hash, and every pair has places of its own: the next answers on the ring are
on offer. So all models choose between the same answers, whatever the batch, and where a pair leaves the suite, only
those pairs are asked otherwise that had its answer on offer.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from .scorers import normalised
from .suite_pairs import Pair

#: So many other answers are on offer, or as many as there are.
OTHERS: Final = 3


class Choices:
    """The answers of a suite. Answers that are equal but for case and the like are one; calls of tools are none."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        by_form: dict[str, str] = {}
        for pair in pairs:
            said = _said(pair)
            if said is not None and (form := normalised(said)):
                by_form[form] = min(said, by_form.get(form, said))
        self._ring = sorted((_place(form), form, said) for form, said in by_form.items())
        self._places = [place for place, _, _ in self._ring]

    def others(self, pair: Pair) -> list[Pair]:
        """The pair with each of the other answers on offer instead of its own; none where there is no other."""
        said = _said(pair)
        if said is None or not (own := normalised(said)):
            return []
        taken = {own}
        found: list[Pair] = []
        for turn in range(min(OTHERS, len(self._ring) - 1)):
            at = bisect_left(self._places, _place(f"{turn} {pair.key}"))
            while self._ring[at % len(self._ring)][1] in taken:
                at += 1
            _, form, other = self._ring[at % len(self._ring)]
            taken.add(form)
            found.append(_answered(pair, other))
        return found


def _said(pair: Pair) -> str | None:
    """The text of the last answer that the expert gave; None for a call of tools, or where there is none."""
    last = pair.last_answer
    message = None if last is None else pair.example.messages[last]
    return None if message is None or message.get("tool_calls") else str(message["content"])


def _answered(pair: Pair, said: str) -> Pair:
    last = pair.last_answer
    messages: Sequence[dict[str, object]] = [
        {**message, "content": said} if index == last else message
        for index, message in enumerate(pair.example.messages)
    ]
    return replace(pair, example=replace(pair.example, messages=list(messages)))


def _place(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
