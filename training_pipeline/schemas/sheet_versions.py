"""The earlier versions of a training sheet, and what changed between two of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from pydantic import Field

from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.schemas.base import Answer, NextCursor

if TYPE_CHECKING:  # heavy, and whoever asks a remote service needs none of it
    from training_pipeline.sheets.diff import SheetDiff

#: The id of a training sheet, or a version of one.
NAMED: Final = r"^[A-Za-z0-9_.-]{1,128}(@[0-9a-f]{12})?$"


class TrainingSheetVersion(Answer):
    """A version that was kept when it was replaced or edited."""

    name: str = Field(
        description="Its name: the sheet's id and the first 12 digits of its digest.", examples=["triage@3b1f0d2c3b1f"]
    )
    kept_at: datetime = Field(description="When it was replaced.", examples=["2026-11-28T09:30:00Z"])


class TrainingSheetVersions(Answer):
    """The earlier versions of a training sheet."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["triage"])
    versions: list[TrainingSheetVersion] = Field(description="Versions, newest first; empty if sheets are in tables.")


class ComparedSheet(Answer):
    """A training sheet, or a version of one, that was compared."""

    name: str = Field(description="Its id, or the name of the version.", examples=["triage"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=["3b1f0d2c" * 8])


class SheetPairDifference(Answer):
    """A pair that changed. Never its text."""

    pair_id: str = Field(
        description="Id in the new sheet, or in the old one if only that has it.", examples=["qa-0003"]
    )
    was: str | None = Field(description="Id in the old sheet, if it is different.", examples=["qa-0003"])
    changes: list[SheetChange] = Field(description="What changed.", examples=[["edited", "status"]])


class TrainingSheetDiff(Answer):
    """What changed from one training sheet, or version of it, to another."""

    old: ComparedSheet = Field(description="Sheet or version that was compared.")
    new: ComparedSheet = Field(description="Sheet or version that it was compared with.")
    counts: dict[SheetChange, int] = Field(
        description="Pairs that changed, by kind of change; a pair may have changed in several ways.",
        examples=[{"added": 3, "edited": 1}],
    )
    total: int = Field(description="Pairs that pass the filter.", examples=[4])
    pairs: list[SheetPairDifference] = Field(description="This page of the changed pairs, by id.")
    next_cursor: NextCursor

    @classmethod
    def of(
        cls, old: tuple[str, str], new: tuple[str, str], found: SheetDiff, next_cursor: str | None
    ) -> TrainingSheetDiff:
        """The answer for one page; `old` and `new` are name and digest."""
        before, now = (ComparedSheet(name=name, digest=digest) for name, digest in (old, new))
        pairs = [SheetPairDifference.model_validate(pair) for pair in found.pairs]
        return cls.model_validate(
            {
                "old": before,
                "new": now,
                "counts": found.counts,
                "total": found.total,
                "pairs": pairs,
                "next_cursor": next_cursor,
            }
        )
