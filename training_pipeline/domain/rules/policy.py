"""What the gates are told, and the reasons that they give. The rules themselves are expressions, in `gates`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from training_pipeline.domain.usage import Use

#: Raise it whenever a rule of a gate or of the split changes: verdicts and datasets carry it.
GATE_POLICY_VERSION: Final = "7"
#: The least similarity of nearly equal questions that are found reliably.
LEAST_SIMILARITY: Final = 0.8
#: Versions of the policy that knew no nearly equal questions.
_WITHOUT_NEAR_QUESTIONS: Final = ("1", "2")
#: Versions of the policy that compared questions in another form: their hashes meet none of today's.
OF_OTHER_QUESTIONS: Final = ("1", "2", "3", "4", "5", "6")


def reliable_similarity(value: float) -> float:
    """`value` where it is 0 (off) or as large as nearly equal questions are found reliably; else `ValueError`."""
    if value != 0 and not LEAST_SIMILARITY <= value <= 1:
        raise ValueError(f"must be 0 (off) or from {LEAST_SIMILARITY} to 1")
    return value


class GatePolicy(BaseModel):
    """The parameters of the gates and of the ties of the split, beside the sheet."""

    model_config = ConfigDict(frozen=True)

    version: str = GATE_POLICY_VERSION
    instruction_prompt_items: int = Field(
        20,
        ge=1,
        description=(
            "A prompt used for more items than this counts as an instruction: it neither ties pairs together "
            "nor holds pairs out."
        ),
    )
    near_question_similarity: float = Field(
        0.8,
        description=(
            "Pairs whose questions have at least this Jaccard similarity (0.8 to 1) stay in the same split; 0"
            " for equal questions only."
        ),
    )

    require_constraints_set_by: bool = Field(
        False,
        description="Refuse pairs without a record of who set their usage constraints.",
    )

    @field_validator("near_question_similarity")
    @classmethod
    def _found_reliably(cls, value: float) -> float:
        return reliable_similarity(value)

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, stored: Any) -> Any:
        """A stored policy of before says nothing of nearly equal questions: it tied none."""
        if isinstance(stored, dict) and stored.get("version") in _WITHOUT_NEAR_QUESTIONS:
            return {"near_question_similarity": 0.0, **stored}
        return stored


class Reason(StrEnum):
    """Why a pair is excluded. A pair is counted under the first reason that applies, in this order.

    But a revoked pair that is a duplicate counts as revoked.
    """

    INVALID = "invalid"
    UNLABELED = "unlabeled"
    REJECTED = "rejected"
    FLAGGED = "flagged"
    TRAINING_NOT_ALLOWED = "training_not_allowed"
    TRAINING_PROHIBITED = "training_prohibited"
    IDENTICAL_TO_PROHIBITED = "identical_to_prohibited"
    HELD_OUT_PROMPT = "held_out_prompt"
    DUPLICATE = "duplicate"
    REVOKED = "revoked"


def not_allowed(use: Use) -> str:
    """The reason of a pair that is not allowed for this use: for training that of `Reason`."""
    return f"{use}_not_allowed"


def prohibited_reason(use: Use) -> str:
    """The reason of a pair that is prohibited for this use: for training that of `Reason`."""
    return f"{use}_prohibited"


#: Reasons for which the quality gate stays shut: the pair is not (validly) labeled.
NOT_LABELED: Final = (Reason.INVALID, Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED)
#: Reasons for which the usage gate stays shut.
NOT_PERMITTED: Final = (Reason.TRAINING_NOT_ALLOWED, Reason.TRAINING_PROHIBITED)
