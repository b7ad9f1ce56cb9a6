"""Request and response models of the playground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from training_pipeline.backends.asking import LONGEST_QUESTION, MOST_TOKENS, TOKENS
from training_pipeline.schemas.base import Answer

if TYPE_CHECKING:
    from training_pipeline.backends.asking import AskLimits
    from training_pipeline.models.playground import Answered


class AskModelVersion(BaseModel):
    """A question to a model version. It is neither stored nor logged."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"question": "Who reads a referral first?"}},
    )

    question: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_QUESTION,
        description="The question. Give either this or `pair_id`.",
        examples=["Who reads a referral first?"],
    )
    pair_id: str | None = Field(
        None,
        min_length=1,
        max_length=800,
        description="Validation pair of the version whose question is asked.",
        examples=["qa-0042"],
    )
    max_tokens: int = Field(
        TOKENS, ge=1, le=MOST_TOKENS, description="Maximum number of tokens in an answer.", examples=[TOKENS]
    )
    base: bool = Field(True, description="Whether the base model answers as well.", examples=[True])
    champion: bool = Field(
        True, description="Whether the version with the alias `champion` answers as well.", examples=[True]
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.question is None) == (self.pair_id is None):
            raise ValueError("give either a question or the id of a validation pair")
        return self


class PlaygroundTurn(Answer):
    """A message of the question."""

    role: str = Field(description="Role of the speaker.", examples=["user"])
    content: str = Field(description="Text of the message.", examples=["Who reads a referral first?"])


class PlaygroundAnswer(Answer):
    """What a model answered, or why it did not."""

    role: Literal["base", "tuned", "champion"] = Field(
        description="Role of the model: base, tuned or champion.", examples=["tuned"]
    )
    model: str = Field(description="The model: name and version, or the base model.", examples=["triage-model 2"])
    answer: str | None = Field(description="Its answer, as plain text.", examples=["The triage nurse."])
    stopped: bool | None = Field(
        description="Whether the answer is complete; otherwise it was cut off.", examples=[True]
    )
    tokens: int | None = Field(description="Tokens of the answer.", examples=[6])
    seconds: float | None = Field(description="Seconds, including the time to load the model.", examples=[2.4])
    problem: str | None = Field(description="Why there is no answer, and what to do.", examples=[None])


class PlaygroundLimits(Answer):
    """The limits of a question."""

    question_characters: int = Field(
        description="Maximum length of a question in characters.", examples=[LONGEST_QUESTION]
    )
    max_tokens: int = Field(
        description="Highest number of tokens in an answer that can be requested.", examples=[MOST_TOKENS]
    )
    seconds: float = Field(description="Time limit in seconds for all models together.", examples=[50.0])
    memory_mb: int = Field(description="Memory limit in MB for all models together.", examples=[8192])
    at_once: int = Field(description="Questions that are answered at the same time, one per person.", examples=[1])
    waiting: int = Field(description="People who may wait for their turn.", examples=[10])
    wait_seconds: float = Field(description="Maximum waiting time in seconds.", examples=[20.0])
    within_seconds: float = Field(
        description="Time limit in seconds for waiting and answers together.", examples=[55.0]
    )

    @classmethod
    def of(cls, limits: AskLimits) -> Self:
        """The limits of an installation."""
        return cls(question_characters=LONGEST_QUESTION, max_tokens=MOST_TOKENS, **limits.model_dump())


class PlaygroundAnswers(Answer):
    """The answers of a model version, its base model and the champion to one question."""

    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str = Field(description="Its version.", examples=["2"])
    messages: list[PlaygroundTurn] = Field(description="What was asked.")
    expected: str | None = Field(
        description="The expert's answer; null for a question that was typed.", examples=["The triage nurse."]
    )
    answers: list[PlaygroundAnswer] = Field(description="The answers: base, tuned, champion.")
    note: str | None = Field(
        description="Why the champion was not asked; null if it was, or was not requested.", examples=[None]
    )
    limits: PlaygroundLimits = Field(description="Limits that applied to this question.")

    @classmethod
    def of(cls, name: str, version: str, found: Answered, limits: AskLimits) -> Self:
        """The answers as they are shown."""
        called = {"tuned": f"{name} {version}", "champion": f"{name} {found.champion}"}
        answers = [
            PlaygroundAnswer(model=called.get(model.role, model.source), **given.model_dump())
            for model, given in zip(found.models, found.answers, strict=True)
        ]
        return cls(
            model_name=name,
            model_version=version,
            messages=[PlaygroundTurn.model_validate(turn) for turn in found.messages],
            expected=found.expected,
            answers=answers,
            note=found.note,
            limits=PlaygroundLimits.of(limits),
        )
