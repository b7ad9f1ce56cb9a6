"""The playground: one question to a model version, its base model and the champion. Nothing of it is kept or logged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training_pipeline.backends.asking import TOKENS, AskedModel, Asking, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.datasets.validation_text import validation_pairs
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound, PipelineError
from training_pipeline.domain.refs import required
from training_pipeline.models.evaluation.subjects import CHAMPION, asked_base, asked_version
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.verify import Subject
from training_pipeline.models.versions.versions import ModelVersions


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, what the expert answered where it was a pair, and what each model answered."""

    messages: tuple[ChatTurn, ...]
    expected: str | None
    models: tuple[AskedModel, ...]
    answers: tuple[ModelAnswer, ...]
    #: The version of the champion, where it was asked, and why it was not, where it could not be.
    champion: str | None
    note: str | None


class Playground:
    """Asks models on this machine."""

    def __init__(
        self,
        backend: FineTuningBackend,
        versions: ModelVersions,
        aliases: Aliases,
        decisions: Decisions,
        revocations: Revocations,
        limits: AskLimits,
    ) -> None:
        self._backend = backend
        self._versions, self._aliases = versions, aliases
        self._decisions, self._revocations = decisions, revocations
        self.limits = limits

    def ask(
        self,
        name: str,
        version: str,
        *,
        question: str | None = None,
        pair_id: str | None = None,
        max_tokens: int = TOKENS,
        base: bool = True,
        champion: bool = True,
        asked_by: str,
    ) -> Answered:
        """The answers to a question, or to that of a validation pair of the version, once it is this person's turn.

        Raises `InvalidRequest`, `NotFound`, `Conflict`, and `Tainted` for a version that is withdrawn, or tainted
        without the recorded decision to accept the risk, also where it became so while it answered. Writes nothing.
        """
        subject = self._usable(name, version)
        if not isinstance(self._backend, Asking):
            raise InvalidRequest(
                f"The backend {self._backend.name} keeps its models where they cannot be asked from here.",
                hint="Load the model with the code on its page, where it is kept, or ask a serving endpoint.",
            )
        messages, expected = self._question(subject, question, pair_id)
        models = [_require_made(asked_base(subject))] if base else []
        models.append(asked_version(self._backend, "tuned", subject))
        beside, note = self._champion(subject) if champion else (None, None)
        if beside is not None:
            models.append(asked_version(self._backend, "champion", beside))
        answers = self._backend.ask(models, messages, max_tokens=max_tokens, limits=self.limits, asked_by=asked_by)
        # Its turn and the answers take their time: nothing is shown that was withdrawn meanwhile.
        messages, expected = self._question(self._usable(name, version), question, pair_id)
        if beside is not None and (note := self._withdrawn(name, beside.version.version)):
            models = [each for each in models if each.role != "champion"]
            answers = [each for each in answers if each.role != "champion"]
            beside = None
        held = None if beside is None else beside.version.version
        return Answered(tuple(messages), expected, tuple(models), tuple(answers), held, note)

    def _usable(self, name: str, version: str) -> Subject:
        subject = self._versions.subject(name, version)
        require_usable(subject, self._decisions.risk_accepted)
        return subject

    def _question(
        self, subject: Subject, question: str | None, pair_id: str | None
    ) -> tuple[list[ChatTurn], str | None]:
        if (question is None) == (pair_id is None):
            raise InvalidRequest("Give either a question or the id of a validation pair.")
        if question is not None:
            return [ChatTurn(role="user", content=question)], None
        dataset = required(subject.job.data.dataset, "dataset")
        withdrawn = self._revocations.withdrawn(subject.job.request.training_sheet_id)
        pair = validation_pairs(dataset, [pair_id or ""], withdrawn).get(pair_id or "")
        if pair is None:
            raise NotFound(
                f"The version was not validated on a pair {pair_id!r}.",
                hint="GET /api/v1/training/jobs/{id}/lineage?pairs=validation lists those that it was.",
            )
        if pair.withheld is not None or not pair.asked:
            raise Conflict(
                f"The pair {pair_id!r} cannot be asked: its text is {pair.withheld or 'no question and answer'}.",
                hint="Ask another pair, or type a question.",
            )
        if any(turn.get("tool_calls") or turn["role"] == "tool" for turn in pair.asked):
            raise Conflict(f"The pair {pair_id!r} calls tools, which the playground has none of.", hint="Ask another.")
        turns = [ChatTurn(role=str(turn["role"]), content=str(turn.get("content") or "")) for turn in pair.asked]
        return turns, pair.expected

    def _champion(self, subject: Subject) -> tuple[Subject | None, str | None]:
        """The version in use, and why it is not asked where it cannot be."""
        version = subject.version
        try:
            held = self._aliases.holder(version.name, CHAMPION)
            if held is None or held == version.version:
                return None, None
            beside = self._usable(version.name, held)
            asked_version(self._backend, "champion", beside)
        except PipelineError as error:
            return None, _not_asked(error)
        return beside, None

    def _withdrawn(self, name: str, version: str) -> str | None:
        """Why the answer of a champion that was asked is not shown; null where it is."""
        try:
            self._usable(name, version)
        except PipelineError as error:
            return _not_asked(error)
        return None


def _not_asked(error: PipelineError) -> str:
    return f"The champion is not asked: {error.message}"


def _require_made(base: AskedModel) -> AskedModel:
    """The base model; raises `Conflict` for a built-in one that cannot be made any more."""
    source = base.built_in.get("train_file")
    if source is not None and not Path(source).is_file():
        raise Conflict(
            "The built-in base model is made from the training data, whose text is gone.",
            hint="Ask without the base model.",
        )
    return base
