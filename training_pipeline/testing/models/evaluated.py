"""Evaluations in a test: a suite that no model has seen, and the end of an evaluation."""

from __future__ import annotations

from typing import Any

from training_pipeline.app.container import Services
from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.judging import JudgedAnswers, JudgeOrder
from training_pipeline.domain.usage import DataClassification
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.judges import Judging
from training_pipeline.models.evaluation.records import ACTIVE, Counts, Evaluation, EvaluationStatus, StoredFigure
from training_pipeline.testing.made_once import made_once
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.trainers.local_backend import PATIENCE, until

SUITE = "parcels"


def unseen(count: int, **values: Any) -> list[dict[str, Any]]:
    """Pairs that may be evaluated on, and that ask what the sheet `small` does not ask."""
    found = []
    for number, pair in enumerate(rows(count, allowed_uses=["evaluation"], **values)):
        asked = f"Whom do we call when parcel {number} is wet?"
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"desk {number % 5}"}]
        found.append({**pair, "pair_id": f"e-{number:04d}", "item_ref": f"parcel-{number}", "messages": messages})
    return found


@made_once
def make_suite(services: Services, count: int = 60) -> None:
    """The suite `SUITE` of a sheet `held-out`."""
    write_sheet(services.settings.sheets, "held-out", unseen(count))
    services.suites.create(SUITE, ["held-out"], created_by="ada")


def over(services: Services, evaluation: Evaluation, *, seconds: float = PATIENCE) -> Evaluation:
    """The evaluation at its end, carried on as the sensor does."""

    def look() -> Evaluation | None:
        services.evaluations.settle_all()
        found = services.evaluations.of_version(evaluation.model_name, evaluation.model_version)
        now = next(each for each in found if each.id == evaluation.id)
        return None if now.status in ACTIVE else now

    return until(look, f"the end of {evaluation.id}", seconds=seconds)


def judging(**answers: Any) -> Judging:
    """A judge of 57 answers of `triage` 2, as it is on record."""
    order = JudgeOrder(
        name="house",
        url="https://models.example.org/v1",
        model="judge-7b",
        key_env="JUDGE_KEY",
        seconds=60.0,
        at_once=4,
        max_tokens=256,
        pauses=(1.0, 2.0),
    )
    found = {"judged": 50, "not_sent": 5, "not_judged": {"no_verdict": 2}, "agreed": 45, "missing": None, **answers}
    tuned = JudgedAnswers.model_validate({"prompt_version": "1", "models": ["judge-7b-2026"], **found})
    return Judging(order=order, max_classification=DataClassification.PUBLIC, answers={"tuned": tuned})


def stored_evaluation(job_id: str, status: EvaluationStatus = EvaluationStatus.SUCCEEDED) -> Evaluation:
    """An evaluation of `triage` 2, as it is on record."""
    now = records.now()
    facts: dict[str, Any] = {"metric": "exact_match", "n": 57, "level": 0.95}
    mean = StoredFigure(model="tuned", estimate=0.9, lower=0.8, upper=None, **facts)
    duel = StoredFigure(
        model="tuned", over="base", estimate=0.8, lower=0.7, upper=0.9, wins=48, losses=0, ties=9, **facts
    )
    return Evaluation(
        id=records.new_id(now),
        model_name="triage",
        model_version="2",
        job_id=job_id,
        model_digest="0" * 64,
        suite_name=SUITE,
        suite_digest="1" * 64,
        champion_version=None,
        status=status,
        created_by="ada",
        created_at=now,
        finished_at=None if status in ACTIVE else now,
        asked_models=(AskedModel(role="tuned", source="/nowhere"),),
        counts=Counts(
            asked=60,
            evaluated=57,
            refused={"same_question": 2},
            aged={"missing": 1},
            reported={},
            is_ancestry_known=True,
        ),
        figures=(mean, duel),
    )
