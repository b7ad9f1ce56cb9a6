from __future__ import annotations

from training_pipeline.cli.render import estimate
from training_pipeline.schemas.advice import ActualCost, Estimate, Estimated

NOT_KNOWN = Estimated(middle=None, low=None, high=None, basis="", reason="nobody knows")


def test_an_estimate_in_words() -> None:
    time = Estimated(middle=185.0, low=140.0, high=245.0, basis="12 jobs like it", reason="")
    cost = Estimated(middle=1.5, low=0.0123, high=2.0, basis="3 EUR an hour", reason="")
    found = Estimate(coverage=0.8, time=time, cost=cost, currency="EUR", notes=("It is old.",))
    assert estimate.time(found) == "3:05 (2:20 to 4:05, 80%); 12 jobs like it"
    assert estimate.cost(found) == "1.50 EUR (0.012 to 2.00); 3 EUR an hour. It is old."


def test_why_there_is_none() -> None:
    found = Estimate(coverage=0.8, time=NOT_KNOWN, cost=NOT_KNOWN, currency=None, notes=())
    assert estimate.time(found) == "not known: nobody knows"
    assert estimate.cost(found) == "not known: nobody knows."


def test_what_a_job_has_cost() -> None:
    billed = ActualCost(dbu=1.5, amount=None, currency=None, basis="")
    assert estimate.actual_cost(billed) == "1.50 DBU; the price list does not say what one costs."
    assert estimate.actual_cost(billed.model_copy(update={"dbu": None})) is None
