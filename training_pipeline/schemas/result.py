"""The response model of what a training came to, pair by pair."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from training_pipeline.schemas.base import Answer

LOSSES: Final = 50
MOST_LOSSES: Final = 1000
_WITHHELD: Final = "Why the text is not shown: `role`, `revoked`, `erased` or `gone`; null where it is."
_QUESTION: Final = "The last message before the answer; null where it is withheld."


class AnsweredPair(Answer):
    """A validation pair, and what the model answered before and after training."""

    pair_id: str | None = Field(description="Id of the pair; null if it is not recorded.", examples=["qa-0042"])
    question: str | None = Field(description=_QUESTION, examples=["Who reads a referral first?"])
    expected: str | None = Field(description="The expert's answer.", examples=["The triage nurse."])
    before: str | None = Field(description="The base model's answer.", examples=["A letter."])
    after: str | None = Field(description="The trained model's answer.", examples=["The triage nurse."])
    right_before: bool = Field(description="Whether the base model's answer equals the expert's.", examples=[False])
    right_after: bool = Field(description="Whether the trained model's answer equals the expert's.", examples=[True])
    withheld: str | None = Field(description=_WITHHELD, examples=[None])


class PairLoss(Answer):
    """The loss of the trained model on the expert's answer to a validation pair."""

    pair_id: str | None = Field(description="Id of the pair; null if it is not recorded.", examples=["qa-0042"])
    loss: float | None = Field(description="Mean loss per token of the answer; null if not finite.", examples=[4.2])
    tokens: int = Field(description="Tokens of the answer.", examples=[6])
    classification: str | None = Field(description="Its data classification.", examples=["internal"])
    question: str | None = Field(description=_QUESTION, examples=["Who reads a referral first?"])
    expected: str | None = Field(description="The expert's answer.", examples=["The triage nurse."])
    withheld: str | None = Field(description=_WITHHELD, examples=[None])


class TrainingJobResult(Answer):
    """The results of a training, pair by pair. Texts are read when they are shown, and stored and logged nowhere."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    texts_shown: bool = Field(
        description="Whether the caller may see texts: operators and stewards may.", examples=[True]
    )
    exact_match_before: float | None = Field(
        description="Share of questions answered correctly before training.", examples=[0]
    )
    exact_match_after: float | None = Field(
        description="Share of questions answered correctly after training.", examples=[0.9]
    )
    val_loss_before: float | None = Field(description="Validation loss before training.", examples=[2.1])
    val_loss_after: float | None = Field(description="Validation loss of the weights that were kept.", examples=[0.4])
    stopped_answers: int | None = Field(description="Answers that ended with the end token.", examples=[8])
    asked_questions: int | None = Field(
        description="Validation questions that were asked after training.", examples=[8]
    )
    answered: list[AnsweredPair] = Field(
        description="The questions that were asked before and after; empty unless `exact_match_questions` was set."
    )
    losses: list[PairLoss] = Field(description="The validation pairs with the highest loss, the highest first.")
    losses_measured: int = Field(description="Validation pairs whose loss was measured.", examples=[62])
    unavailable: str | None = Field(
        description="Why there is nothing to show; null where there is.", examples=["The job has not succeeded."]
    )
