"""Models answer the questions of an evaluation suite, and are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.judging import JudgedAnswers, JudgeOrder


class EvaluationOrder(BaseModel):
    """An evaluation to run: `status`, `cancel` and `recover` know it by its id as the first attempt of a job."""

    model_config = ConfigDict(frozen=True)

    evaluation_id: str
    models: tuple[AskedModel, ...]
    #: Who reads the answers to the pairs whose line of JSON has `"may_be_judged": true`, besides the scorers.
    judge: JudgeOrder | None = None


class ScoresFile(BaseModel):
    """The scores of one model, a row a pair and no text."""

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    pairs: int
    #: What came of the judge; null where there was none.
    judge: JudgedAnswers | None = None


@runtime_checkable
class Evaluating(Protocol):
    """What a backend has besides where models answer the questions of a suite, and are scored there.

    The run waits for its compute and then asks (`RunState.asks_since`); only then are the questions handed over. They
    are gone with its end, whatever that is, and no answer ever leaves it but to the judge of the order.
    """

    def evaluate(self, order: EvaluationOrder) -> None:
        """Start an evaluation and return at once. Idempotent by its id."""
        ...

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Give the run that has asked at this time its questions, each a line of JSON, and let it begin.

        False, and nothing is read, where that was done before, is being done, or the run no longer asks.
        """
        ...

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """The scores of each model of a run that has succeeded, by role. Reads only.

        Raises `BackendFailed` where one is gone or damaged.
        """
        ...
