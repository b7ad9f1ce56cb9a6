"""What tables say of a pair: where it is, where its parts were used, and who vouches for it."""

from __future__ import annotations

from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.uses import Kind
from training_pipeline.schemas.lineage import LineagePair
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, link


def state_words(pair: LineagePair | None) -> str:
    """Where a pair is: on a side of the split, excluded for a reason, or nowhere."""
    if pair is None:
        return "not in the sheet"
    return pair.split or (MEANINGS[Reason(pair.reason)] if pair.reason else formats.NONE)


def used(kind: Kind, name: str | None, *, classes: str = "mono") -> None:
    """A cell with a name that leads to where it was used."""
    with Tag("td", classes=classes):
        if name is None:
            Tag("span", formats.NONE)
        else:
            link(name, urls.uses(kind, name), title="Where was this used?")


def who(name: str | None, at: str | None) -> None:
    """A cell with a person and a time as the source stated it."""
    with Tag("td"):
        Tag("span", name or formats.NONE)
        if at and "T" in at:
            Tag("local-time", at, at=at, form="day", classes="sub")
        elif at:  # a day is the same day in every zone
            Tag("span", at, classes="sub")
