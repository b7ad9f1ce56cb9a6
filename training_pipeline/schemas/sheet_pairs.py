"""The pairs of a training sheet with their verdicts, in pages."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.base import Answer, NextCursor, PageSize

VERDICT: Final = rf"^(eligible|{'|'.join(Reason)})$"
PAIR_ID: Final = r"^[^\x00-\x1f\x7f]{1,1024}$"
SEARCH: Final = r"^[^\x00-\x1f\x7f]{1,200}$"


class SheetPair(Answer):
    """A pair as its sheet states it, with the verdict of the gates. Never its text."""

    pair_id: str | None = Field(description="Id of the pair; null where it has none.", examples=["qa-0003"])
    item_ref: str | None = Field(description="The source item.", examples=["INV-1179"])
    canonical_label_id: str | None = Field(description="Its canonical label.", examples=["label-7"])
    status: str | None = Field(description="Its review status as stated.", examples=["labeled"])
    allowed_uses: list[str] | None = Field(description="Allowed uses as stated.", examples=[["training"]])
    prohibited_uses: list[str] | None = Field(description="Prohibited uses as stated.", examples=[[]])
    reason: str | None = Field(
        description="Why it may not be trained on; null if it may.", examples=["training_not_allowed"]
    )
    usage_reason: str | None = Field(description="The reason for its uses.", examples=["contains PHI"])
    classification: str | None = Field(description="Effective data classification.", examples=["internal"])
    reviewed_by: str | None = Field(description="Who approved it.", examples=["grace"])
    reviewed_at: str | None = Field(description="When, as stated.", examples=["2026-11-01"])
    constraints_set_by: str | None = Field(description="Who decided on its uses.", examples=["ada"])
    constraints_set_at: str | None = Field(description="When, as stated.", examples=["2026-11-01"])


class TrainingSheetPairs(Answer):
    """A page of pairs."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=["3b1f0d2c" * 8])
    pairs: list[SheetPair] = Field(description="The pairs, by id.")
    total: int = Field(description="Pairs that pass the filters.", examples=[440])
    page_size: PageSize
    next_cursor: NextCursor
