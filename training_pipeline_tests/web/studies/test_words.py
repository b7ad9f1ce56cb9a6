from __future__ import annotations

import pytest

from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.evaluation.subsets import Half
from training_pipeline.schemas.study import StudyReport
from training_pipeline.testing.studies.seen_study import study_page
from training_pipeline.web.studies import words

REPORT = StudyReport(
    trial=6,
    suite="triage",
    half=Half.HELD_BACK,
    status=EvaluationStatus.SUCCEEDED,
    metric="exact_match",
    value=0.77,
    lower=0.65,
    upper=0.86,
    level=0.95,
    pairs=40,
    message="",
)


def test_how_good_the_best_trial_is() -> None:
    held = "On the half that was held back of the suite triage"
    assert words.reported(REPORT) == f"{held}: exact_match 0.77 (0.65 to 0.86, 40 pairs)"
    bare = REPORT.model_copy(update={"half": None, "lower": None})
    assert words.reported(bare) == "On the suite triage: exact_match 0.77 (40 pairs)"
    waits = REPORT.model_copy(update={"value": None, "status": EvaluationStatus.RUNNING})
    assert words.reported(waits) == f"{held} it has no exact_match: running"
    failed = waits.model_copy(update={"message": "The model is gone."})
    assert words.reported(failed).endswith("it has no exact_match: The model is gone.")


@pytest.mark.parametrize(
    ("cost", "currency", "said"), [(50.0, "EUR", "30.00 of 50.00 EUR"), (None, "EUR", "30.00 EUR")]
)
def test_what_was_spent(cost: float | None, currency: str, said: str) -> None:
    page = study_page().model_copy(update={"cost": cost, "currency": currency})
    assert words.spent(page) == said
    assert words.spent(page.model_copy(update={"cost": None, "currency": None})) == ""
    assert (words.ended(page), words.measure(page)) == (12, "validation loss")
