"""Evaluations of model versions: asked for, run by the backend, looked after, and put on record.

Write before you call: the row is there before the backend hears of it, and whoever looks next takes it up again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.error_types import UNANSWERED
from training_pipeline.backends.evaluating import AsksForQuestions
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.already_active import require_same
from training_pipeline.models.evaluation.ancestry import Ancestry, ancestry_of_both
from training_pipeline.models.evaluation.guard import examine
from training_pipeline.models.evaluation.judges import Judges
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.questions import question_lines
from training_pipeline.models.evaluation.records import ACTIVE, Counts, Evaluation, EvaluationStatus, require_some
from training_pipeline.models.evaluation.results import figures_of
from training_pipeline.models.evaluation.scores import pairs_digest, read_scores
from training_pipeline.models.evaluation.staged import Staged
from training_pipeline.models.evaluation.subjects import (
    asked_base,
    asked_version,
    champion_of,
    evaluating,
    judged_by,
)
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.models.evaluation.tracked import TrackedFigures
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.store.jobs import JobStore

_ENDED: Final = {
    JobStatus.FAILED: EvaluationStatus.FAILED,
    JobStatus.TIMEOUT: EvaluationStatus.FAILED,
    JobStatus.CANCELLED: EvaluationStatus.CANCELLED,
}
_log = logging.getLogger(__name__)


class Evaluations:
    """Starts evaluations and carries them on. The text of pairs passes through it, from the sheets to the run."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        policy: GatePolicy,
        backend: FineTuningBackend,
        aliases: Aliases,
        suites: Suites,
        versions: ModelVersions,
        tracked: TrackedFigures,
        judges: Judges,
        kept: KeptModels,
        *,
        staged: Staged | None = None,
        refuse_near: bool = True,
        keys: HashKeys = NO_KEYS,
    ) -> None:
        self._keys = keys
        self._store, self._source, self._policy = store, source, policy
        self._backend, self._aliases = backend, aliases
        self._suites, self._versions, self._refuse_near = suites, versions, refuse_near
        self._tracked, self._judges, self._kept, self._staged = tracked, judges, kept, staged

    def start(
        self,
        name: str,
        version: str,
        suite: str,
        *,
        champion: str | None = None,
        base: bool = True,
        judge: str | None = None,
        actor: str,
    ) -> Evaluation:
        """Evaluate a version on a suite, beside its base model and the champion; the one that is active already, where
        that compares the same.

        `champion` is another version of the model; where none is given, the one that has the alias, if any. `judge` is
        the name of who reads the answers besides. Raises `NotFound`, `Tainted`, `Conflict`, `InvalidRequest`, and
        `GateRefused` where no pair may be asked.
        """
        subject = self._versions.subject(name, version)
        require_usable(subject)
        named = self._suites.get(suite)
        backend = evaluating(self._backend)
        judging = None if judge is None else judged_by(self._judges, backend, judge)
        beside = champion_of(self._versions, self._aliases, self._backend, name, version, champion)
        asked = [asked_base(subject)] if base else []
        asked.append(asked_version(self._backend, "tuned", subject))
        asked += [asked_version(self._backend, "champion", beside)] if beside else []
        rivals = None if beside is None else beside.version.version
        ancestry = ancestry_of_both(self._store, subject.job.id, None if beside is None else beside.job.id)
        found, _ = examine(
            self._source, self._policy, named.suite, ancestry, refuse_near=self._refuse_near, keys=self._keys
        )
        counts = Counts.model_validate(found)
        require_some(suite, counts)
        now = records.now()
        wanted = Evaluation(
            id=records.new_id(now),
            model_name=name,
            model_version=version,
            job_id=subject.job.id,
            model_digest=records.digest_of(subject.record.model_files),
            suite_name=suite,
            suite_digest=named.suite.digest,
            champion_version=rivals,
            status=EvaluationStatus.QUEUED,
            created_by=actor,
            created_at=now,
            asked_models=tuple(asked),
            counts=counts,
            judge=judging,
            base_model=subject.job.request.base_model,
        )
        evaluation = records.add(self._store, wanted)
        require_same(wanted, evaluation)
        if isinstance(backend, AsksForQuestions):
            backend.evaluate(evaluation.order)
        return evaluation  # of a backend that takes questions, whoever looks next begins it

    def of_version(self, name: str, version: str) -> list[Evaluation]:
        """The evaluations of a version, the newest first, those that run as they are now. Raises `NotFound`."""
        self._versions.subject(name, version)
        for each in records.of_version(self._store, name, version):
            if each.status in ACTIVE:
                self.settle(each)
        return records.of_version(self._store, name, version)

    def cancel(self, name: str, version: str, evaluation_id: str) -> Evaluation:
        """Have an evaluation stopped. Idempotent; nothing happens to one that has ended. Raises `NotFound`."""
        evaluation = records.get(self._store, evaluation_id)
        if (evaluation.model_name, evaluation.model_version) != (name, version):
            raise NotFound(f"{name} version {version} has no evaluation {evaluation_id!r}.")
        if evaluation.status in ACTIVE:
            try:
                self._backend.cancel(evaluation.id, 1)
            except NotFound:  # it never reached the backend
                records.change(self._store, evaluation, status=EvaluationStatus.CANCELLED)
            self.settle(evaluation)
        return records.get(self._store, evaluation_id)

    def settle_all(self) -> int:
        """Carry on every evaluation that has not ended; how many there are. One that cannot be stops no other.

        What MLflow has not heard of yet, it is told; what lies at the backend for a run that is over is taken away.
        """
        found = records.active(self._store)
        try:
            for each in found:
                self.settle(each)
        finally:  # whatever one of them raises, no text of the others stays
            if self._staged is not None:
                self._staged.forget_all()
        self._tracked.write_due()
        return len(found)

    def settle(self, evaluation: Evaluation) -> None:
        """Ask the backend how an active evaluation is, give it what it asks for, and store what came of it.

        May be called by several at once, and again after dying at any line. What cannot be done now is told in the
        evaluation's message and tried again by whoever looks next, for as long as its backend waits.
        """
        try:
            self._settle(evaluation)
        except PipelineError as error:
            if error.recurs:
                self._fail(evaluation, error)
            else:
                said = f"{error.message} {error.hint}".strip()
                records.change(self._store, evaluation, message=said)

    def _settle(self, evaluation: Evaluation) -> None:
        try:
            state = self._backend.status(evaluation.id, 1)
        except NotFound as error:
            self._begin(evaluation, error)
            return
        if evaluation.missing_since is not None:
            records.change(self._store, evaluation, missing_since=None)
        if state.status in TERMINAL and self._staged is not None:
            self._staged.forget(evaluation)
        if state.lost and self._backend.recover(evaluation.id, 1):
            return
        if state.status is JobStatus.SUCCEEDED:
            self._finish(evaluation)
        elif state.status in _ENDED:
            why = "It took too long and was stopped." if state.status is JobStatus.TIMEOUT else state.error
            if (state.error_details or {}).get("error_type") == UNANSWERED and evaluation.message:
                why = f"{why} What kept them: {evaluation.message}"
            records.change(self._store, evaluation, status=_ENDED[state.status], message="", error=why)
        elif state.asks_since is not None and isinstance(self._backend, AsksForQuestions):
            self._backend.hand_over(evaluation.id, lambda: self._lines(evaluation), asked=state.asks_since)
        else:
            self._watch(evaluation, state)

    def _begin(self, evaluation: Evaluation, error: NotFound) -> None:
        """Have a run begun that the backend does not know (`error`), unless it knew it once."""
        backend = evaluating(self._backend)
        if isinstance(backend, AsksForQuestions):
            backend.evaluate(evaluation.order)
        elif self._staged is not None and evaluation.backend_run_id is not None:
            self._staged.missing(evaluation, error)
        elif self._staged is not None:
            self._staged.begin(evaluation, lambda: self._lines(evaluation))

    def _watch(self, evaluation: Evaluation, state: RunState) -> None:
        if state.status is JobStatus.RUNNING and evaluation.status is EvaluationStatus.QUEUED and self._staged:
            self._learned(evaluation)  # it did not ask when it got its compute, so the models are looked at anew
        status = EvaluationStatus.RUNNING if state.status is JobStatus.RUNNING else EvaluationStatus.QUEUED
        message = state.waits_for or state.message
        if (status, message) != (evaluation.status, evaluation.message):
            records.change(self._store, evaluation, status=status, message=message)

    def _lines(self, evaluation: Evaluation) -> Iterator[str]:
        """The questions, once the run has its compute: version, guard and sheets are looked at anew.

        What became of the pairs is on record before the run may begin.
        """
        ancestry = self._learned(evaluation)
        suite = self._suites.get(evaluation.suite_name).suite.model_copy(update={"half": evaluation.half})
        found, rows = examine(
            self._source, self._policy, suite, ancestry, refuse_near=self._refuse_near, keys=self._keys
        )
        aged: Counter[str] = Counter()
        readable = self._judges.readable(evaluation.judge)
        yield from question_lines(self._source, self._policy, suite, rows, aged, readable)
        total = Counter(found.aged) + aged
        counts = Counts.model_validate(found).model_copy(
            update={"evaluated": found.evaluated - aged.total(), "aged": dict(sorted(total.items()))}
        )
        require_some(evaluation.suite_name, counts)
        records.change(self._store, evaluation, counts=counts.model_dump(mode="json"))

    def _finish(self, evaluation: Evaluation) -> None:
        found = evaluating(self._backend).scores(evaluation.id)
        asked = {role: {"pairs_digest": pairs_digest(read_scores(file.path))} for role, file in found.items()}
        stored = {role: file.model_dump(mode="json", exclude={"judge"}) | asked[role] for role, file in found.items()}
        figures = [figure.model_dump(mode="json") for figure in figures_of(found)]
        values: dict[str, Any] = {"scores": stored, "figures": figures, "message": "", "error": None}
        if evaluation.judge is not None:
            answers = {role: file.judge for role, file in found.items() if file.judge is not None}
            values["judge"] = evaluation.judge.model_copy(update={"answers": answers}).model_dump(mode="json")
        records.change(self._store, evaluation, status=EvaluationStatus.SUCCEEDED, **values)
        self._tracked.write_due()

    def _fail(self, evaluation: Evaluation, error: PipelineError) -> None:
        """End an evaluation that would fail again: its run first, so that none goes on unseen."""
        _log.warning("the evaluation %s ended: %s", evaluation.id, error.code)
        try:
            self._backend.cancel(evaluation.id, 1)
        except PipelineError as other:
            _log.warning("the evaluation %s could not be cancelled: %s", evaluation.id, other.code)
        said = f"{error.message} {error.hint}".strip()
        records.change(self._store, evaluation, status=EvaluationStatus.FAILED, message="", error=said)

    def _learned(self, evaluation: Evaluation) -> Ancestry:
        """What the models of an evaluation have learned from, as they may be asked now."""
        if not evaluation.model_version:
            return self._kept.learned(evaluation.job_id)
        name, rival = evaluation.model_name, evaluation.champion_version
        subject = self._versions.subject(name, evaluation.model_version)
        require_usable(subject)
        beside = None if rival is None else self._versions.subject(name, rival)
        if beside is not None:
            require_usable(beside)
        return ancestry_of_both(self._store, subject.job.id, None if beside is None else beside.job.id)
