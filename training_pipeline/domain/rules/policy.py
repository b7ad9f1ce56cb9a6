"""What the gates are told, and the reasons that they give. The rules themselves are expressions, in `gates`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

#: Raise it whenever a rule of a gate changes: verdicts and datasets carry it.
GATE_POLICY_VERSION: Final = "3"


class GatePolicy(BaseModel):
    """The parameters of the gates, beside the sheet."""

    model_config = ConfigDict(frozen=True)

    version: str = GATE_POLICY_VERSION
    instruction_prompt_items: int = Field(
        20,
        ge=1,
        description="A prompt used for more items than this is an instruction: it ties and holds out no pairs.",
    )


class Reason(StrEnum):
    """Why a pair is excluded. A pair is counted under the first reason that applies, in this order."""

    INVALID = "invalid"
    UNLABELED = "unlabeled"
    REJECTED = "rejected"
    FLAGGED = "flagged"
    TRAINING_NOT_ALLOWED = "training_not_allowed"
    TRAINING_PROHIBITED = "training_prohibited"
    IDENTICAL_TO_PROHIBITED = "identical_to_prohibited"
    HELD_OUT_PROMPT = "held_out_prompt"
    DUPLICATE = "duplicate"


#: Reasons for which the quality gate stays shut: the pair is not (validly) labeled.
NOT_LABELED: Final = (Reason.INVALID, Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED)
#: Reasons for which the usage gate stays shut.
NOT_PERMITTED: Final = (Reason.TRAINING_NOT_ALLOWED, Reason.TRAINING_PROHIBITED)
