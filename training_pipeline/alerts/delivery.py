"""Alerts on their way: each is delivered once to every target, across restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Interval, and_, bindparam, cast, func, or_, select, update

from training_pipeline.alerts.messages import Alert
from training_pipeline.alerts.tables import alerts
from training_pipeline.alerts.targets import AlertTarget, Undelivered
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.training_jobs.store.jobs import JobStore

#: Between two attempts to tell a target that failed.
RETRIES: Final = RetryPolicy(first=30.0, longest=3600.0)
_AT_ONCE: Final = 50
#: For one alert to one target. Each of its waits is shorter, but what sends a byte now and then has many.
SEND_SECONDS: Final = 15.0


class Delivery(BaseModel):
    """The result of one round of deliveries."""

    model_config = ConfigDict(frozen=True)

    told: int = 0
    #: Target -> what its last failure was, in a few words.
    failed: dict[str, str] = {}


def deliver(store: JobStore, targets: Sequence[AlertTarget], *, enough: Any = lambda: False) -> Delivery:
    """Deliver due alerts to every target that has not got them, until `enough()`. Records each delivery at once.

    A target that fails, in whatever way, is retried after a pause that doubles; other targets get nothing twice. If
    the process dies between delivery and record, the alert is sent twice, under the same key.
    """
    table = alerts.c
    due = and_(table.done_at.is_(None), or_(table.after.is_(None), table.after <= func.clock_timestamp()))
    with store.begin() as connection:
        rows = connection.execute(select(alerts).where(due).order_by(table.noticed_at).limit(_AT_ONCE)).mappings().all()
    told, failed, silent = 0, dict[str, str](), set[str]()
    for row in rows:
        if enough():
            break
        alert = Alert.model_validate({name: row[name] for name in Alert.model_fields})
        left = [target for target in targets if target.name not in row["sent"]]
        # A target that does not answer is asked once a round: the others are not kept waiting for it.
        for target in [target for target in left if target.name not in silent]:
            try:
                _send(target, alert.model_dump(mode="json"))
            except Undelivered as error:
                failed[target.name] = str(error)
                silent.add(target.name)
                continue
            except Exception as error:  # noqa: BLE001 - this alert in this target; its text may hold a secret
                failed[target.name] = type(error).__name__
                continue
            left.remove(target)
            told += 1
            _set(store, alert.key, {"sent": table.sent.concat({target.name: datetime.now(UTC).isoformat()})})
        if not left:
            _set(store, alert.key, {"done_at": func.clock_timestamp()})
        else:
            pause = RETRIES.pause(row["attempts"] + 1)
            after = func.clock_timestamp() + cast(bindparam("pause", f"{pause} seconds"), Interval)
            _set(store, alert.key, {"attempts": row["attempts"] + 1, "after": after})
    return Delivery(told=told, failed=failed)


def _send(target: AlertTarget, alert: Mapping[str, Any]) -> None:
    """Deliver one alert; raises what the target does, and `Undelivered` where that has not ended in time."""
    calls = BoundedCalls[None, None](1, hung_after=SEND_SECONDS)
    call = calls.begin(target.name, None, lambda: target.send(alert))
    if call is None:
        raise Undelivered("no thread could be started for it")
    if not wait([call.answer], SEND_SECONDS).done:
        raise Undelivered(f"it took longer than {SEND_SECONDS:g} s")
    call.answer.result()


def _set(store: JobStore, key: str, values: Mapping[str, Any]) -> None:
    with store.begin() as connection:
        connection.execute(update(alerts).where(alerts.c.key == key).values(dict(values)))
