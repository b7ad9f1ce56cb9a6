"""Questions that are sent along with a run: submitted once, on record while they may lie there, and taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from training_pipeline.backends.evaluating import AsksForQuestions, EvaluationOrder, ScoresFile, TakesQuestions
from training_pipeline.backends.handles import Handle
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable, NotFound, Unavailable
from training_pipeline.domain.job import Handles, TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.evaluation.staged import Staged, known_evaluation, stored_handles
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.training_jobs.lifecycle.retention import KnownEvaluation
from training_pipeline.training_jobs.store.jobs import JobStore


class Taking(ScriptedBackend):
    """A backend that takes questions, and remembers those that lie there and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[str, list[str]] = {}
        self.submitted: list[str] = []
        self.stopped: list[str] = []
        #: Called once the questions lie there; and raised instead of taking them away.
        self.meanwhile: Callable[[], object] = lambda: None
        self.refuses: Exception | None = None

    def source_of(self, job: TrainingJob, name: str, version: str) -> str:
        """Where it is."""
        return f"{job.id}/{name}/{version}"

    def submit_evaluation(
        self, order: EvaluationOrder, lines: Callable[[], Iterable[str]], *, wanted: Callable[[], bool]
    ) -> Handle | None:
        """Keep the questions."""
        self.there[order.evaluation_id] = list(lines())
        self.meanwhile()
        if not wanted():
            return None
        self.submitted.append(order.evaluation_id)
        return Handle(backend_job_id=order.evaluation_id, backend_run_id="42")

    def forget_questions(self, evaluation_id: str) -> None:
        """Take them away."""
        if self.refuses is not None:
            raise self.refuses
        self.there.pop(evaluation_id, None)

    def cancel(self, job_id: str, attempt: int) -> None:
        """Take note of it; runs that were never submitted are not known."""
        self.stopped.append(job_id)
        if job_id not in self.submitted:
            raise NotFound("no such run")

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """None are looked at here."""
        raise BackendFailed(evaluation_id)


@pytest.fixture
def backend() -> Taking:
    return Taking()


@pytest.fixture
def staged(store: JobStore, database: Database, backend: Taking) -> Staged:
    return Staged(store, database, backend)


@pytest.fixture
def evaluation(store: JobStore) -> Evaluation:
    return records.add(store, stored_evaluation("tj-1", EvaluationStatus.QUEUED))


def now(store: JobStore, evaluation: Evaluation) -> Evaluation:
    return records.get(store, evaluation.id)


def end(store: JobStore, evaluation: Evaluation) -> None:
    records.change(store, evaluation, status=EvaluationStatus.CANCELLED)


def test_backends_ask_for_questions_or_take_them(backend: Taking) -> None:
    assert isinstance(backend, TakesQuestions)
    assert not isinstance(backend, AsksForQuestions)


def test_one_at_a_time_stages_and_its_run_is_on_record(
    staged: Staged, store: JobStore, database: Database, backend: Taking, evaluation: Evaluation
) -> None:
    seen: list[Any] = []

    def lines() -> Iterable[str]:
        seen.append(now(store, evaluation).staged_at)
        Staged(store, database, backend).begin(evaluation, lambda: pytest.fail("somebody else is at it"))
        yield "a question"

    staged.begin(evaluation, lines)
    assert seen[0] is not None, "it is on record before any text goes there"
    assert backend.submitted == [evaluation.id]
    found = now(store, evaluation)
    assert (found.backend_run_id, found.staged_at is not None) == ("42", True)
    handles = {(evaluation.id, 1): Handles(backend_job_id=evaluation.id, backend_run_id="42")}
    assert stored_handles(store, [(evaluation.id, 1), ("tj-1", 1), ("ev-other", 1)]) == handles
    assert stored_handles(store, [("tj-1", 1)]) == {}
    assert staged.forget_all() == 0, "its run is under way"
    assert backend.there
    staged.forget(found)
    assert (backend.there, now(store, evaluation).staged_at) == ({}, None)


def test_what_ended_while_it_was_staged_is_not_submitted_and_taken_away(
    staged: Staged, store: JobStore, backend: Taking, evaluation: Evaluation
) -> None:
    backend.meanwhile = lambda: end(store, evaluation)
    staged.begin(evaluation, lambda: ["a question"])
    assert backend.submitted == []
    assert backend.there == {evaluation.id: ["a question"]}
    assert staged.forget_all() == 1
    assert (backend.there, now(store, evaluation).staged_at) == ({}, None)
    staged.begin(evaluation, lambda: pytest.fail("it has ended"))
    assert staged.forget_all() == 0


def test_what_ended_while_it_was_submitted_is_stopped(
    staged: Staged, store: JobStore, backend: Taking, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = backend.submit_evaluation

    def late(*given: Any, **named: Any) -> Handle | None:
        handle = submit(*given, **named)
        end(store, evaluation)
        return handle

    monkeypatch.setattr(backend, "submit_evaluation", late)
    staged.begin(evaluation, lambda: ["a question"])
    assert backend.stopped == [evaluation.id]


def test_after_a_crash_whoever_looks_next_stops_the_run_and_takes_the_text_away(
    staged: Staged, store: JobStore, backend: Taking, evaluation: Evaluation, caplog: pytest.LogCaptureFixture
) -> None:
    records.change(store, evaluation, staged_at=records.now())
    backend.there[evaluation.id], backend.submitted = ["a question"], [evaluation.id]  # it died before it stored the id
    assert staged.forget_all() == 0
    end(store, evaluation)
    backend.refuses = BackendDenied("Databricks does not let us remove it (403).")
    assert staged.forget_all() == 0
    assert backend.there
    assert f"the questions of {evaluation.id} are not removed yet" in caplog.text
    assert known_evaluation(store, evaluation.id) == KnownEvaluation(evaluation.id, None), "it is not over before"
    backend.refuses = None
    assert staged.forget_all() == 1
    assert backend.there == {}
    assert evaluation.id in backend.stopped
    known = known_evaluation(store, evaluation.id)
    assert known is not None
    assert known.finished_at is not None
    assert known_evaluation(store, "ev-other") is None


def test_text_that_cannot_be_taken_away_keeps_nothing_else_back(
    staged: Staged, store: JobStore, backend: Taking, evaluation: Evaluation
) -> None:
    staged.begin(evaluation, lambda: ["a question"])
    backend.refuses = BackendUnreachable("Databricks does not answer.")
    staged.forget(now(store, evaluation))
    assert now(store, evaluation).staged_at is not None


def test_a_run_that_nobody_knows_any_more_is_waited_for_and_then_has_failed(
    staged: Staged, store: JobStore, evaluation: Evaluation
) -> None:
    error = NotFound("Run 42 does not exist.")
    staged.missing(evaluation, error)
    found = now(store, evaluation)
    assert (found.message, found.missing_since is not None) == ("Run 42 does not exist.", True)
    staged.missing(found, error)
    long_ago = found.model_copy(update={"missing_since": records.now() - timedelta(minutes=6), "backend_run_id": "42"})
    with pytest.raises(BackendFailed, match="The run 42 of this evaluation is not known any more: Run 42 does not"):
        staged.missing(long_ago, error)


def test_what_keeps_a_run_from_its_questions_is_waited_for_and_then_has_failed(
    staged: Staged, store: JobStore, backend: Taking, evaluation: Evaluation
) -> None:
    def lines() -> Iterator[str]:
        raise Unavailable("The source is away.")
        yield ""

    fresh = evaluation.model_copy(update={"created_at": records.now()})
    with pytest.raises(Unavailable, match="away"):
        staged.begin(fresh, lines)
    with pytest.raises(BackendFailed, match=r"It could not begin for 24 hours: The source is away\."):
        staged.begin(fresh.model_copy(update={"created_at": records.now() - timedelta(hours=25)}), lines)
    assert (backend.submitted, now(store, evaluation).staged_at is not None) == ([], True)


def test_a_backend_that_asks_is_left_alone(store: JobStore, database: Database, evaluation: Evaluation) -> None:
    asking = Staged(store, database, ScriptedBackend())
    asking.begin(evaluation, lambda: pytest.fail("it asks by itself"))
    assert now(store, evaluation).staged_at is None
    records.change(store, evaluation, staged_at=records.now())
    end(store, evaluation)
    assert asking.forget_all() == 0
