"""Requests to edit pairs of a training sheet, and the log of what was edited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.pair_edit import PairEdit, told
from training_pipeline.domain.usage import DataClassification, Status, Use
from training_pipeline.reviewing import log
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize

#: Pairs that one request may edit.
MOST_PAIRS: Final = 1000
#: A pair id that can be asked for.
PAIR_ID: Final = r"^[^\x00]{1,1024}$"
_LONGEST_ANSWER: Final = 50_000

Seen = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{64}$",
        description="Version that the edit is based on: its SHA-256 (hex), as given in the list of pairs.",
        examples=["0f" * 32],
    ),
]


class EditTrainingSheetPairs(BaseModel):
    """An edit of some pairs, all of them or none. What is left out or null stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: Seen
    pair_ids: list[Annotated[str, Field(pattern=PAIR_ID)]] = Field(
        min_length=1, max_length=MOST_PAIRS, description="The pairs.", examples=[["qa-0003", "qa-0007"]]
    )
    status: Status | None = Field(
        None, description="Approves (`labeled`), rejects or flags them, or opens them again.", examples=["labeled"]
    )
    answer: str | None = Field(
        None,
        max_length=_LONGEST_ANSWER,
        description="A new text for the last answer; for one pair only.",
        examples=["desk 7"],
    )
    allowed_uses: list[Use] | None = Field(
        None, max_length=len(Use), description="Allowed uses.", examples=[["training", "validation"]]
    )
    prohibited_uses: list[Use] | None = Field(
        None, max_length=len(Use), description="Prohibited uses.", examples=[["few_shot"]]
    )
    usage_reason: str | None = Field(
        None,
        max_length=1000,
        pattern=r"^[^\x00]*$",
        description="Reason for these uses; empty for none.",
        examples=["contract 17"],
    )
    data_classification: DataClassification | None = Field(
        None, description="Data classification.", examples=["internal"]
    )

    def edit(self) -> PairEdit:
        """What is to be set."""
        return PairEdit.model_validate(self.model_dump(exclude={"digest", "pair_ids"}))


class UndoTrainingSheetEdit(BaseModel):
    """A request to undo an edit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: Seen


class PairFacts(Answer):
    """The record of a pair, without its text."""

    status: str | None = Field(description="Review status as stated.", examples=["labeled"])
    allowed_uses: list[str] | None = Field(description="Allowed uses as stated.", examples=[["training"]])
    prohibited_uses: list[str] | None = Field(description="Prohibited uses as stated.", examples=[[]])
    usage_reason: str | None = Field(description="The reason for its uses.", examples=["contract 17"])
    data_classification: str | None = Field(description="Data classification as stated.", examples=["internal"])
    reviewed_by: str | None = Field(description="Who reviewed it.", examples=["grace"])
    reviewed_at: str | None = Field(description="When, as stated.", examples=["2026-11-01"])
    constraints_set_by: str | None = Field(description="Who decided on its uses.", examples=["ada"])
    constraints_set_at: str | None = Field(description="When, as stated.", examples=["2026-11-01"])
    row_hash: str | None = Field(
        description="SHA-256 (hex) of the example; `uses` finds the models that learned from it.",
        examples=["9f" * 32],
    )


class TakeOverTrainingSheet(BaseModel):
    """A training sheet in a file of others, to be reviewed here from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="Version that the request is based on: its SHA-256 (hex).",
        examples=["0f" * 32],
    )


class EditedPair(Answer):
    """A pair before and after an edit."""

    pair_id: str = Field(description="Id of the pair.", examples=["qa-0003"])
    changed: str = Field(description="Name of what changed.", examples=["status unlabeled to labeled"])
    before: PairFacts = Field(description="Old value.")
    after: PairFacts = Field(description="New value.")


class TrainingSheetEdit(Answer):
    """An edit on record."""

    number: int = Field(description="Its number; later edits have higher ones.", examples=[17])
    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    actor: str = Field(description="Who edited.", examples=["grace"])
    created_at: datetime = Field(description="When it was made.", examples=["2026-11-28T12:00:00Z"])
    state: str = Field(
        description=(
            "`applied`; `abandoned` if it was stopped before it took effect; `intended` while it is being "
            "written, or if its outcome is unknown."
        ),
        examples=["applied"],
    )
    old_digest: str = Field(description="The version that was edited.", examples=["0f" * 32])
    new_digest: str = Field(description="Version that it created.", examples=["3b" * 32])
    undoes: int | None = Field(description="Edit that this one reverted.", examples=[None])
    undone_by: int | None = Field(description="Edit that reverted this one.", examples=[None])
    pairs: int = Field(description="Number of pairs that it edited.", examples=[2])
    edited: list[EditedPair] = Field(description="The first 100 of these pairs by id, or the requested one.")

    @property
    def names(self) -> str:
        """The first of its pairs by name, and how many more there are."""
        shown = [pair.pair_id for pair in self.edited[:3]]
        return ", ".join(shown) + (f" and {self.pairs - len(shown):,} more" if self.pairs > len(shown) else "")

    @property
    def what(self) -> str:
        """What it did in words, each change once."""
        said = list(dict.fromkeys(pair.changed for pair in self.edited))
        more = f"; and {len(said) - 3} other changes" if len(said) > 3 else ""
        undo = "" if self.undoes is None else f"undid edit {self.undoes}: "
        return undo + "; ".join(said[:3]) + more

    @property
    def became(self) -> str:
        """What became of it in words."""
        if self.undone_by is not None:
            return f"undone by edit {self.undone_by}"
        return {"applied": "in effect", "abandoned": "did not take effect"}.get(self.state, "not known")

    @classmethod
    def of(cls, edit: log.SheetEdit) -> Self:
        """An edit as the log has it."""
        values: dict[str, Any] = {name: getattr(edit, name) for name in cls.model_fields if name != "edited"}
        edited = [
            EditedPair(
                pair_id=pair.pair_id,
                changed=told(pair.before, pair.after),
                before=PairFacts.model_validate(pair.before.model_dump(mode="json")),
                after=PairFacts.model_validate(pair.after.model_dump(mode="json")),
            )
            for pair in edit.edited[: log.MOST_TOLD]
        ]
        return cls(**values, edited=edited)


class TrainingSheetEdits(Answer):
    """A page of edits, and whether the sheet can be edited here."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    is_editable: bool = Field(description="Whether its pairs can be edited here.", examples=[True])
    not_editable_because: str | None = Field(
        description="Why its pairs cannot be edited here; null if they can.",
        examples=["The pairs of this training sheet are in tables of Unity Catalog."],
    )
    may_be_taken_over: bool = Field(
        description="Whether its pairs could be edited here once a steward takes over the sheet.", examples=[False]
    )
    edit_at: str | None = Field(
        description="Page where they can be edited instead, where there is one.",
        examples=["https://example.cloud.databricks.com/explore/data/main/sheets/pairs"],
    )
    digest: str | None = Field(
        description="The version of a sheet that can be edited, as it is now.", examples=["0f" * 32]
    )
    edits: list[TrainingSheetEdit] = Field(description="The edits, newest first.")
    total: int = Field(description="Number of edits.", examples=[3])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor
