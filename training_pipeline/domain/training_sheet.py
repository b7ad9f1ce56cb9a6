"""The head of a training sheet: what it refers to and where it is in its life. `pair_schema` has its pairs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.judge import JUDGE_NAME_OR_NONE

#: What an evaluation suite may be called, or nothing.
SUITE_NAME: Final = r"^([a-z0-9][a-z0-9_-]{0,62})?$"
#: Message roles that a chat example may have.
ROLES: Final = ("system", "user", "assistant", "tool")


class SheetStatus(StrEnum):
    """The life of a training sheet. Only `approved` and `exported` sheets may be trained on."""

    GENERATING = "generating"
    REVIEW = "review"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPORTED = "exported"


TRAINABLE_SHEETS: Final = frozenset({SheetStatus.APPROVED, SheetStatus.EXPORTED})


class Reference(BaseModel):
    """What a training sheet was made from: its source sheet or its prompt template."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    name: str = ""
    version: str = ""


class TrainingSheet(BaseModel):
    """The head of a training sheet: everything but its pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    name: str
    status: SheetStatus
    source_sheet: Reference
    prompt_template: Reference
    tags: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    created_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    #: Whether pairs that nearly ask a held-out question are excluded; else they are counted in a warning.
    exclude_near_held_out: bool = False
    #: The evaluation suite that every model trained on it is evaluated on; empty for none.
    evaluate_on: str = Field("", pattern=SUITE_NAME)
    #: The judge of the answers there, by its name in the settings; empty for none.
    evaluate_judge: str = Field("", pattern=JUDGE_NAME_OR_NONE)
