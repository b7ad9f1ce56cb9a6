"""Which of several annotations of one item counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: The format's word for a pair on which people disagree.
DISAGREED: Final = "disagreed"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one person made of one item."""

    #: The answers by the name of the question or control.
    answers: dict[str, str]
    #: The format's word for its state.
    status: str
    by: str | None = None
    at: str | None = None
    id: str | None = None
    is_ground_truth: bool = False
    #: Keeps it from being compared: a draft, or one that was skipped.
    counts: bool = field(default=True)


def chosen(annotations: Sequence[Annotation], how: str) -> tuple[Annotation, str] | None:
    """The annotation that becomes the pair, with the status of the pair; null where there is none at all.

    With `agree`, and where no ground truth is there to be found, annotations that differ make a pair `disagreed`.
    The latest of several counts; without times, the last.
    """
    live = [one for one in annotations if one.counts] or list(annotations)
    if not live:
        return None
    truths = [one for one in live if one.is_ground_truth]
    latest = max(enumerate(truths or live), key=lambda found: (found[1].at or "", found[0]))[1]
    if how == "latest":
        last = max(enumerate(live), key=lambda found: (found[1].at or "", found[0]))[1]
        return last, last.status
    if how == "ground_truth" and truths:
        return latest, latest.status
    if any(one.answers != latest.answers for one in live):
        return latest, DISAGREED
    strongest = next((one for one in live if one.is_ground_truth), latest)
    return strongest, strongest.status


def text_or_none(value: Any) -> str | None:
    """An id, a name or a time as text; null for what is none. Pure."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value) or None
