"""Which of several annotations of one item counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

#: The format's word for a pair on which people disagree.
DISAGREED: Final = "disagreed"
_SCALARS: Final = (str, int, float)


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
    #: It is ground truth, or a reviewer accepted it.
    is_approved: bool = False
    #: Whoever annotated the item, or reviewed the answer, turned it down.
    is_refused: bool = False
    #: False keeps it from being compared: a draft, or one that was skipped.
    counts: bool = True


def chosen(annotations: Sequence[Annotation], how: str) -> tuple[Annotation, str] | None:
    """The annotation that becomes the pair, with the status of the pair; null where there is none at all.

    With `agree`, and where nothing is approved for `ground_truth`, annotations that differ make a pair `disagreed`; so
    does an answer that is turned down by one and not by another. The latest counts; without times, the last.
    """
    live = [one for one in annotations if one.counts] or list(annotations)
    if not live:
        return None
    if how == "latest":
        latest = _latest(live)
        return latest, latest.status
    approved = [one for one in live if one.is_approved]
    found = _latest(approved or [one for one in live if not one.is_refused] or live)
    settles = how == "ground_truth" and bool(approved)
    differ = any(one.is_refused != found.is_refused if one.answers == found.answers else not settles for one in live)
    return found, DISAGREED if differ else found.status


def text_or_none(value: Any) -> str | None:
    """An id, a name or a time as text; null for what is none."""
    if isinstance(value, bool) or not isinstance(value, _SCALARS):
        return None
    return str(value) or None


def _latest(annotations: Sequence[Annotation]) -> Annotation:
    return max(enumerate(annotations), key=lambda found: (found[1].at or "", found[0]))[1]
