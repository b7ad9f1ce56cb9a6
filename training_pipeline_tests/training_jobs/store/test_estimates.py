from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.estimate.quality import Kind
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.estimates import EstimatesSoFar
from training_pipeline.testing.jobs.advice_facts import config
from training_pipeline.testing.jobs.estimated_jobs import estimated
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.estimates import ESTIMATE, estimates
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore


def test_each_job_with_the_estimate_that_it_was_created_with(store: JobStore) -> None:
    first = estimated(store, 100.0, 90.0, place=0)
    second = estimated(store, 200.0, 500.0, place=1, model_name="other")
    estimated(store, 100.0, 90.0, place=2, status=JobStatus.FAILED)
    created = {"training_config": config(epochs=2).model_dump(), "status": JobStatus.SUCCEEDED, "duration_seconds": 5.0}
    unknown = Estimate(time=Estimated(reason="the machine is not known"), cost=Estimated(reason="none"))
    stored: list[dict[str, Any] | None] = [None, {MACHINE: "here", ESTIMATE: {"later": "release"}}]
    stored.append({MACHINE: "here", ESTIMATE: unknown.model_dump(mode="json")})
    for data in stored:
        store.create(new_job(**created), message="Created.", data=data)
    found = estimates(store)
    assert [each.job_id for each in found.outcomes] == [second, first]
    assert found.without == 3
    newest, oldest = found.outcomes
    assert (oldest.middle, oldest.low, oldest.high, oldest.seconds) == (100.0, 80.0, 125.0, 90.0)
    assert (oldest.within, newest.within, newest.model_name) == (True, False, "other")
    assert oldest.kind == Kind("builtin:tiny", "lora", "here")
    assert newest.created_at - oldest.created_at == timedelta(minutes=1)
    assert (oldest.cost, oldest.currency, oldest.priced_as, oldest.dbu) == (None, None, "local", None)
    assert oldest.created_at < datetime.now(UTC)


def test_what_it_was_to_cost_and_what_was_billed(store: JobStore) -> None:
    cost = Estimated(middle=2.0, low=1.0, high=4.0, basis="x")
    estimate = Estimate(time=Estimated(middle=9.0, low=8.0, high=10.0), cost=cost, currency="EUR")
    job = {"training_config": config(accelerator="GPU_1xA10").model_dump(), "status": JobStatus.SUCCEEDED}
    data = {MACHINE: "there", ESTIMATE: estimate.model_dump(mode="json")}
    store.create(new_job(**job, duration_seconds=9.0, cost_dbu=3.0), message="Created.", data=data)
    (found,) = estimates(store).outcomes
    assert (found.cost, found.currency, found.priced_as, found.dbu) == (2.0, "EUR", "GPU_1xA10", 3.0)
    prices = PriceList(currency="EUR", as_of=date(2026, 11, 1), per_dbu=0.5)
    (shown,) = EstimatesSoFar.of(estimates(store), prices).jobs
    assert (shown.estimated_cost, shown.actual_cost, shown.currency) == (2.0, 1.5, "EUR")
    (other,) = EstimatesSoFar.of(estimates(store), prices.model_copy(update={"currency": "USD"})).jobs
    assert (other.estimated_cost, other.actual_cost, other.currency) == (2.0, None, "EUR")
