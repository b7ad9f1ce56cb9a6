"""Asking models one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

#: Characters.
LONGEST_QUESTION: Final = 8_000
MOST_TOKENS: Final = 512
#: The fewest that make sense of an answer, and what is given where nobody says otherwise.
TOKENS: Final = 256


class AskedModel(BaseModel):
    """A model that is to answer the questions of an evaluation: a folder, a model of the Hub, or the built-in one.

    `files` are what its folder must hold, by SHA-256. `built_in` is what the built-in base model is made from.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["base", "tuned", "champion"]
    source: str
    revision: str | None = None
    files: dict[str, str] | None = None
    built_in: dict[str, Any] = {}


class ChatTurn(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(frozen=True)

    role: str
    content: str


class AskLimits(BaseModel):
    """How long all models of a question may take together, and how much memory the process that asks them; how many
    questions are answered at once, how many people may wait for theirs, and for how long."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    memory_mb: int
    at_once: int = 1
    waiting: int = 10
    wait_seconds: float = 20.0
    #: Waiting and answers together: what asks hears nothing later.
    within_seconds: float = 3600.0

    def left_after(self, waited: float) -> float:
        """The seconds that the models have after so long a wait."""
        return min(self.seconds, self.within_seconds - waited)


class ModelAnswer(BaseModel):
    """What a model answered, or the `problem` because of which it did not, in a sentence.

    `stopped` says whether the model ended its answer; else it was cut. `seconds` include the time to load the model.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["base", "tuned", "champion"]
    answer: str | None = None
    stopped: bool | None = None
    tokens: int | None = None
    seconds: float | None = None
    problem: str | None = None


@runtime_checkable
class Asking(Protocol):
    """What a backend has besides where models can be asked one question from here."""

    def ask(
        self,
        models: Sequence[AskedModel],
        messages: Sequence[ChatTurn],
        *,
        max_tokens: int,
        limits: AskLimits,
        asked_by: str,
    ) -> list[ModelAnswer]:
        """What each model answers, in their order. Nothing that is asked or answered is kept or logged.

        One question of a person at a time, and so many of all people as the limits say; the others wait for their turn
        in the order they came. Raises `Conflict` where the person is asking already, too many wait, or it takes too
        long.
        """
        ...
