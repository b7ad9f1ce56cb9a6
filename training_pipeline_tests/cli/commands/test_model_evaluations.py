"""`models evaluate` and `cancel-evaluation`, here and through a service."""

from __future__ import annotations

import json

import pytest

from training_pipeline.app.container import Services
from training_pipeline.cli.commands import model_evaluations
from training_pipeline.domain.job import TrainingJob
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.testing.models.evaluated import judging, stored_evaluation
from training_pipeline.testing.system.command_line import Command


def test_it_waits_for_the_figures(
    command: Command, url: str, services: Services, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = records.add(services.store, stored_evaluation(done.id, EvaluationStatus.QUEUED))

    def settle(self: Evaluations, evaluation: records.Evaluation) -> None:
        records.change(services.store, evaluation, status=EvaluationStatus.SUCCEEDED)

    monkeypatch.setattr(Evaluations, "start", lambda self, *asked, **more: made)
    monkeypatch.setattr(Evaluations, "settle", settle)
    monkeypatch.setattr(model_evaluations, "_SECONDS", 0.01)
    asked = ("models", "evaluate", "triage", "2", "--suite", "parcels")
    code, seen, _ = command(*asked)
    assert code == 0
    for words in (
        "60 pairs = 57 evaluated + 2 refused + 1 aged",
        "refused: same_question  2",
        "aged: missing  1",
        "this version, better than base model by",
        "0.8 to ?",
        "48/0/9",
    ):
        assert words in seen, words
    assert command(*asked, "--url", url)[:2] == (code, seen)
    assert "57 evaluated" in command("models", "show", "triage", "2")[1]
    code, seen, _ = command("models", "cancel-evaluation", "triage", "2", made.id, "--json")
    assert (code, json.loads(seen)["status"]) == (0, "succeeded")


def test_a_judge_is_asked_for_and_shown(
    command: Command, services: Services, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    made = stored_evaluation(done.id).model_copy(update={"judge": judging()})

    def start(self: Evaluations, *what: object, **more: object) -> records.Evaluation:
        asked.append(more["judge"])
        return made

    monkeypatch.setattr(Evaluations, "start", start)
    evaluate = ("models", "evaluate", "triage", "2", "--suite", "parcels", "--no-wait")
    seen = " ".join(command(*evaluate, "--judge", "house")[1].split())
    assert "Judged by house: judge-7b at https://models.example.org/v1, pairs up to public." in seen
    told = (
        "50 judged by judge-7b-2026 (prompt 1), 5 not sent, 2 not judged: no_verdict; agrees with exact match in 90.0%."
    )
    assert f"this version: {told}" in seen
    failed = judging(judged=0, not_judged={"slow": 52}, agreed=0, missing="slow")
    made = made.model_copy(update={"judge": failed})
    assert "judged_right is missing, for the judge house failed" in command(*evaluate, "--judge", "house")[1]
    assert asked == ["house"] * 2


def test_one_that_fails_is_an_exit_code(
    command: Command, services: Services, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = stored_evaluation(done.id, EvaluationStatus.FAILED).model_copy(
        update={"error": "It broke.", "figures": ()}
    )
    monkeypatch.setattr(Evaluations, "start", lambda self, *asked, **more: failed)
    code, seen, _ = command("models", "evaluate", "triage", "2", "--suite", "parcels")
    assert (code, "It broke." in seen) == (1, True)
    assert command("models", "evaluate", "triage", "2", "--suite", "parcels", "--no-wait")[0] == 0
