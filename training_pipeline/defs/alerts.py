"""The sensor that sends alerts."""

# No postponed annotations here: Dagster reads those of what it decorates.
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

from training_pipeline.alerts import delivery, messages, records
from training_pipeline.alerts.messages import Alert, Kind
from training_pipeline.alerts.records import NEWS
from training_pipeline.alerts.targets import targets_of
from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra import advisory_lock
from training_pipeline.retraining.retrain import NAME as RETRAINING
from training_pipeline.urls import Urls

#: So many ticks of a sensor or schedule in a row fail before somebody is told: one may fail by a restart.
FAILURES_IN_A_ROW: Final = 3
#: Well under the 60 s after which Dagster gives a sensor up.
TELL_SECONDS: Final = 20.0
INTERVAL_SECONDS: Final = 30
LOCK: Final = "alerts"


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends an alert for each training job that failed, timed out, was blocked by a check or is stuck in "
    "pending, for each model trained on pairs that may no longer be used, for each decision whose date passed, and for "
    "each sensor or schedule that keeps failing. One message per cause.",
)
def tell_people(context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]) -> dg.SkipReason:
    """Record new alerts and deliver those that are due."""
    try:
        with advisory_lock.hold(services.database, LOCK):
            return dg.SkipReason(tell(context.instance, services))
    except Conflict:
        return dg.SkipReason("Another process is sending alerts.")


def tell(instance: dg.DagsterInstance, services: Services) -> str:
    """Record new alerts and deliver due ones. Returns a summary for the tick."""
    deadline = time.monotonic() + TELL_SECONDS
    now, links, store = datetime.now(UTC), Urls.of(services.settings), services.store
    pending = timedelta(minutes=services.settings.alert_pending_minutes)
    noticed = records.notice_jobs(store, links, now=now, pending=pending)
    found = [*failing(instance, links, partial(records.told_at, store)), *_failed_looks(instance, links)]
    noticed += sum(records.notice(store, alert) for alert in found)
    due = services.decisions.overdue(now.date())
    noticed += sum(records.notice(store, messages.of_due_decision(one, links), as_event=True) for one in due)
    targets = targets_of(services.settings)
    done = delivery.deliver(store, targets, enough=lambda: time.monotonic() > deadline)
    told = f"Checked training jobs, sensors and schedules: {noticed} new alerts; sent {done.told} to "
    told += ", ".join(target.name for target in targets)
    failed = "; ".join(f"{name} failed and will be retried: {why}" for name, why in done.failed.items())
    return f"{told}. {failed}" if failed else f"{told}."


def failing(instance: dg.DagsterInstance, links: Urls, told_at: Callable[[str], datetime | None]) -> Iterator[Alert]:
    """An alert for each sensor and schedule whose latest ticks all failed, once a row of failures. Reads only.

    `told_at` says when the latest alert whose key begins so was recorded: where no tick was good since then, it is the
    same row. The ticks before the row are no name for it, for Dagster forgets them. The error itself is in the UI.
    """
    for state in instance.all_instigator_state():
        arguments = (state.instigator_origin_id, state.selector_id)
        latest = instance.get_ticks(*arguments, limit=FAILURES_IN_A_ROW, statuses=_OVER)
        if len(latest) < FAILURES_IN_A_ROW or any(tick.status is not TickStatus.FAILURE for tick in latest):
            continue
        sensor = state.instigator_type is InstigatorType.SENSOR
        word, link = ("sensor", links.sensor) if sensor else ("schedule", links.schedule)
        told = told_at(f"{word}:{state.instigator_name}:")
        if told is not None and not instance.get_ticks(*arguments, after=told.timestamp(), limit=1, statuses=_GOOD):
            continue
        yield Alert(
            key=f"{word}:{state.instigator_name}:{latest[-1].tick_id}",
            kind=Kind.FAILING,
            message=f"The {word} {state.instigator_name} has failed at least {FAILURES_IN_A_ROW} times in a row.",
            links={word: link(state.instigator_name)},
        )


def _failed_looks(instance: dg.DagsterInstance, links: Urls) -> Iterator[Alert]:
    """An alert for each failed run of the retraining schedule, which no person has started."""
    failed = dg.RunsFilter(
        job_name=RETRAINING, statuses=[dg.DagsterRunStatus.FAILURE], created_after=datetime.now(UTC) - NEWS
    )
    for run in instance.get_runs(failed, limit=20):
        yield Alert(
            key=f"run:{run.run_id}",
            kind=Kind.RETRAINING,
            message=f"A run of {RETRAINING} failed: some training sheets could not be checked.",
            links={"Dagster run": links.run(run.run_id)},
        )


_GOOD: Final = [TickStatus.SUCCESS, TickStatus.SKIPPED]
_OVER: Final = [*_GOOD, TickStatus.FAILURE]
