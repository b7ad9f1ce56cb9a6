from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from rich.console import Console

from training_pipeline.cli.render.estimates import estimates_of
from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.estimate.quality import Kind, Outcome
from training_pipeline.schemas.estimates import EstimatesSoFar
from training_pipeline.training_jobs.store.estimates import Estimates

JOB = Outcome(
    "tj-1", "triage", Kind("m", "lora", "here"), datetime(2026, 11, 1, tzinfo=UTC), 100.0, 80.0, 125.0, 90.0, "3 jobs"
)
PRICES = PriceList(currency="EUR", as_of=date(2026, 11, 1), per_dbu=0.5)


def shown(*outcomes: Outcome) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(estimates_of(EstimatesSoFar.of(Estimates(outcomes, 0), PRICES)))
    return " ".join(captured.get().split())


def test_costs_stand_there_where_any_is_known() -> None:
    assert "cost" not in shown(JOB)
    found = shown(JOB, replace(JOB, job_id="tj-2", cost=2.0, currency="EUR", dbu=3.0))
    assert "off by estimated cost actual cost" in found
    assert "tj-1 triage 1:40 1:20 to 2:05 1:30 +11% - - tj-2 triage 1:40 1:20 to 2:05 1:30 +11% 2.00 1.50 EUR" in found
