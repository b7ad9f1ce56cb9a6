"""An evaluation in a slot of this machine: its questions come when it asks, and are gone with its end."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.evaluating import Evaluating, EvaluationOrder
from training_pipeline.backends.local import evaluation
from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.domain.errors import BackendFailed, GateRefused
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.file_lock import try_lock
from training_pipeline.testing.trainers.local_backend import stand_in_backend, until, until_over
from training_pipeline.testing.trainers.stand_in_evaluation import stand_in_evaluation

ORDER = EvaluationOrder(evaluation_id="ev-1", models=(AskedModel(role="tuned", source="/nowhere"),))
LINE = (
    '{"training_sheet_id":"s","pair_id":"p","classification":null,"canonical_label_id":null,"sheet_id":"s",'
    '"messages":[]}'
)


def asks(backend: LocalBackend) -> float:
    return until(lambda: backend.status("ev-1", 1).asks_since, "the question")


def lines(*found: str) -> Callable[[], Iterable[str]]:
    return lambda: found


@pytest.fixture
def started(runs: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LocalBackend:
    behaviour = {"right": {"tuned": 1.0}, **getattr(request, "param", {})}
    monkeypatch.setattr(evaluation, "PROGRAM", stand_in_evaluation(**behaviour))
    backend = stand_in_backend(runs)
    assert isinstance(backend, Evaluating)
    backend.evaluate(ORDER)
    backend.evaluate(ORDER)
    return backend


def test_the_questions_come_when_it_asks_and_go_with_its_end(started: LocalBackend, runs: Path) -> None:
    run = RunDirectory(runs / "ev-1-1")
    asked = asks(started)
    assert not run.questions.exists()
    assert not started.hand_over("ev-1", lines(LINE), asked=asked - 1)
    modes: list[int] = []

    def watched() -> Iterable[str]:
        yield LINE
        modes.append(stat.S_IMODE(run.half_questions.stat().st_mode))
        assert not started.hand_over("ev-1", lines(LINE), asked=asked)  # somebody is at it

    assert started.hand_over("ev-1", watched, asked=asked)
    assert modes == [0o600]
    assert not started.hand_over("ev-1", lines(LINE), asked=asked)
    assert until_over(started, "ev-1").status is JobStatus.SUCCEEDED
    assert not run.questions.exists()
    (scores,) = started.scores("ev-1").values()
    assert scores.pairs == 1
    scores.path.write_bytes(b"other")
    with pytest.raises(BackendFailed, match="not those that were measured"):
        started.scores("ev-1")


def test_what_goes_wrong_on_the_way_leaves_nothing(started: LocalBackend, runs: Path) -> None:
    run = RunDirectory(runs / "ev-1-1")

    def broken() -> Iterable[str]:
        yield LINE
        raise GateRefused("No.")

    asked = asks(started)
    with pytest.raises(GateRefused):
        started.hand_over("ev-1", broken, asked=asked)
    assert not run.questions.exists()
    assert not run.half_questions.exists()
    lock = try_lock(run.path / "questions.lock")
    assert lock is not None
    started.cancel("ev-1", 1)
    assert until_over(started, "ev-1").status is JobStatus.CANCELLED
    assert not started.hand_over("ev-1", lines(LINE), asked=asked)


@pytest.mark.parametrize("started", [{"hang": True}], indirect=True)
def test_a_run_that_is_cancelled_loses_its_questions(started: LocalBackend, runs: Path) -> None:
    run = RunDirectory(runs / "ev-1-1")
    assert started.hand_over("ev-1", lines(LINE), asked=asks(started))
    until(lambda: started.status("ev-1", 1).status is JobStatus.RUNNING, "its start")
    assert run.questions.exists()
    started.cancel("ev-1", 1)
    assert until_over(started, "ev-1").status is JobStatus.CANCELLED
    assert not run.questions.exists()
