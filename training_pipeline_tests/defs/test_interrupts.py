from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.defs import interrupts
from training_pipeline.defs.sensors import settle_runs
from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.system.dagster_runs import create, launch


def interrupted_query() -> None:
    """Raise what a query of DuckDB raises where a signal's handler raised meanwhile."""
    try:
        raise dg.DagsterExecutionInterruptedError
    except dg.DagsterExecutionInterruptedError as interrupt:
        raise RuntimeError("Query interrupted") from interrupt


def unreadable_by_interrupt() -> None:
    try:
        interrupted_query()
    except Exception:  # noqa: BLE001 - as the sheet source does
        raise SheetUnreadable("The sheet cannot be read.") from None


@pytest.mark.parametrize("query", [interrupted_query, unreadable_by_interrupt])
def test_an_interrupt_that_became_an_error_is_an_interrupt_again(query: Callable[[], None]) -> None:
    with pytest.raises(dg.DagsterExecutionInterruptedError), interrupts.kept():
        query()


def test_an_error_of_its_own_is_left_as_it_is() -> None:
    error = ValueError("its own")
    error.__cause__ = RuntimeError("a cause")
    error.__cause__.__context__ = error  # a circle ends, too
    with pytest.raises(ValueError, match="its own") as raised, interrupts.kept():
        raise error
    assert raised.value is error


@pytest.mark.parametrize("step", ["read_sheet", "judge", "split"])
def test_a_launch_that_is_terminated_during_a_query_cancels_its_job(
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """Whatever its library makes of the interrupt, it is neither tried again nor failed."""

    def terminate(*_: Any, **__: Any) -> None:
        run = next(iter(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))))
        instance.report_run_canceling(run)
        (unreadable_by_interrupt if step != "judge" else interrupted_query)()

    monkeypatch.setattr(services.launcher, step, terminate)
    job = create(services)
    launch(services, definitions, instance, job)
    assert instance.get_runs(limit=1)[0].status is dg.DagsterRunStatus.CANCELED
    assert services.store.get(job.id).error_message is None
    assert settle_runs(instance, services) == 1
    now = services.store.get(job.id)
    assert (now.status, now.launch.attempt, now.cancellation.requested_by) == (JobStatus.CANCELLED, 1, "dagster")
    assert services.backend.find(job.id, 1) is None
