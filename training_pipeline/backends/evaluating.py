"""Models answer the questions of an evaluation suite, and are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.judging import JudgedAnswers, JudgeOrder
from training_pipeline.domain.job import TrainingJob


class EvaluationOrder(BaseModel):
    """An evaluation to run: `status`, `cancel` and `recover` know it by its id as the first attempt of a job."""

    model_config = ConfigDict(frozen=True)

    evaluation_id: str
    models: tuple[AskedModel, ...]
    #: What they were all trained from, by which a backend that has to chooses where they answer; null where unknown.
    base_model: str | None = None
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

    It is `AsksForQuestions` or `TakesQuestions`: its runs ask for their questions, or are sent them.
    """

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """The scores of each model of a run that has succeeded, by role; in files of this machine.

        Raises `BackendFailed` where one is gone or damaged. May be called again after dying at any line.
        """
        ...


@runtime_checkable
class AsksForQuestions(Evaluating, Protocol):
    """A backend whose runs wait for their compute and then ask (`RunState.asks_since`); only then are the questions
    handed over. They are gone with its end, whatever that is, and no answer ever leaves it but to the judge of the
    order.
    """

    def evaluate(self, order: EvaluationOrder) -> None:
        """Start an evaluation and return at once. Idempotent by its id."""
        ...

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Give the run that has asked at this time its questions, each a line of JSON, and let it begin.

        False, and nothing is read, where that was done before, is being done, or the run no longer asks.
        """
        ...


@runtime_checkable
class TakesQuestions(Evaluating, Protocol):
    """A backend whose runs cannot ask: the questions lie where the run finds them before it is submitted.

    No answer ever leaves the run. It takes the questions away once it has read them; `forget_questions` does where it
    could not.
    """

    def source_of(self, job: TrainingJob, name: str, version: str) -> str:
        """Where the model of a job is for its runs; `version` is empty for one that is not registered.

        Raises what `result` raises. Reads only.
        """
        ...

    def submit_evaluation(
        self, order: EvaluationOrder, lines: Callable[[], Iterable[str]], *, wanted: Callable[[], bool]
    ) -> Handle | None:
        """Put the questions where the run finds them, submit it and return; the existing run where there is one.

        None, and nothing is submitted, where the evaluation is not `wanted` any more once they lie there. One at a
        time for an evaluation. Raises `BackendUnreachable` for what may pass and `BackendFailed` for what may not.
        """
        ...

    def forget_questions(self, evaluation_id: str) -> None:
        """Take away the questions that lie there for a run. Idempotent."""
        ...
