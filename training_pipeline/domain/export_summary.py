"""The export summary: how many pairs may be trained on, how many are excluded, and why. The numbers must add up."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.usage import Use

#: What each reason means, in words.
MEANINGS: Final = {
    Reason.INVALID: "not a valid chat example",
    Reason.UNLABELED: "not reviewed yet",
    Reason.REJECTED: "rejected by a reviewer",
    Reason.FLAGGED: "flagged by a reviewer",
    Reason.TRAINING_NOT_ALLOWED: "training is not an allowed use",
    Reason.TRAINING_PROHIBITED: "training is prohibited",
    Reason.IDENTICAL_TO_PROHIBITED: "the same example is prohibited elsewhere in the sheet",
    Reason.HELD_OUT_PROMPT: "the same question is held out for evaluation or testing",
    Reason.DUPLICATE: "the same example is already included",
    Reason.REVOKED: "it, or the same example in another pair, was revoked",
}

_RESTRICTIONS: Final = {
    "tag": "the source is tagged {}",
    "label": "what label {} says of uses",
    "steward": "{} refused it for training",
}
_KEPT_FOR: Final = {
    Use.TRAINING: "training is not allowed, or prohibited",
    Use.VALIDATION: "validation is not allowed, or prohibited",
    Use.EVALUATION: "kept for evaluation",
    Use.TESTING: "kept for testing",
}


def restriction_in_words(by: str, name: str) -> str:
    """What keeps pairs out, by what kind of restriction it is and its name."""
    if by == "reason":
        return MEANINGS[Reason(name)]
    return _KEPT_FOR[Use(name)] if by == "use" else _RESTRICTIONS[by].format(name)


class ReasonCount(BaseModel):
    """How many pairs are excluded for a reason, with the stewards' usage reason if a use was denied."""

    model_config = ConfigDict(frozen=True)

    reason: Reason
    usage_reason: str | None
    count: int


class SheetWarning(BaseModel):
    """A warning that excludes no pairs."""

    model_config = ConfigDict(frozen=True)

    code: str
    count: int
    message: str


class ExportSummary(BaseModel):
    """The export summary of a training sheet. Counts are pairs; `total` = `eligible` + the sum of `excluded`."""

    model_config = ConfigDict(frozen=True)

    total: int
    #: Valid pairs that experts approved, and how many of them may and may not be trained on.
    labeled: int
    training_allowed: int
    training_prohibited: int
    eligible: int
    #: Every reason, also those that no pair was left out for.
    excluded: dict[Reason, int]
    #: Most frequent first; at most `MOST_REASONS` rows.
    reasons: tuple[ReasonCount, ...]
    #: Of the eligible pairs: effective data classification, and who approved them ("" where that is not known).
    classifications: dict[str, int]
    #: The most frequent approvers, at most `MOST_APPROVERS`, and the sum of the others.
    approvers: dict[str, int]
    other_approvers: int = 0
    warnings: tuple[SheetWarning, ...] = ()

    def check(self) -> None:
        """Raise `AssertionError` unless the numbers add up."""
        left_out = sum(self.excluded.values())
        if self.total != self.eligible + left_out:
            raise AssertionError(f"{self.total} pairs are not {self.eligible} eligible and {left_out} excluded")
        if self.labeled != self.training_allowed + self.training_prohibited:
            raise AssertionError(
                f"{self.labeled} labeled pairs are not {self.training_allowed} allowed and "
                f"{self.training_prohibited} prohibited"
            )

    def to_text(self) -> str:
        """The exclusion table in plain text, for error messages. Raises `AssertionError` unless the numbers add up."""
        self.check()
        rows = [(str(reason), count, MEANINGS[reason]) for reason, count in self.excluded.items() if count]
        rows = [("total", self.total, "pairs in the sheet"), *rows, ("included", self.eligible, "may be trained on")]
        width = max(len(f"{count:,}") for _, count, _ in rows)
        return "\n".join(f"  {name:<24}{count:>{width},}  {meaning}" for name, count, meaning in rows)


#: At most so many rows of `ExportSummary.reasons`: stewards' reasons are free text, one for every pair if they wish.
MOST_REASONS = 100
#: At most so many names in `ExportSummary.approvers`: who reviewed a pair is free text, too.
MOST_APPROVERS = 100
