"""Alerts: each cause is recorded once in the database and delivered once to every target, across restarts.

An alert names jobs, sheets and causes, never the text of a pair: causes are the sentences that a job stores as its
`error_message`, which hold none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Connection, Interval, and_, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.alerts.targets import AlertTarget, Undelivered
from training_pipeline.domain.aliases import AliasMove, OnTaint, TaintedAlias
from training_pipeline.domain.decisions import Decision
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.model_version import TaintedEndpoint
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.training_jobs.polling.permission import Warned
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import alerts, training_jobs
from training_pipeline.urls import Urls

#: What happened longer ago is history, not news: so that a new installation, or a long pause, does not tell all of it.
NEWS: Final = timedelta(days=7)
#: Between two attempts to tell a target that failed.
RETRIES: Final = RetryPolicy(first=30.0, longest=3600.0)
_AT_ONCE: Final = 50
_MOST_CAUSE: Final = 300
#: Hexadecimal digits that tell what a job waits for from what it waited for before.
_IDENTITY: Final = 16
#: Models that a message names at most.
_NAMED: Final = 10
_CHECKS: Final[Mapping[str, str]] = {
    "gate_refused": "the gates",
    "split_refused": "the split",
    "governance_changed": "the last check of the source before submission",
    "permission_withdrawn": "the check whether its pairs may still be trained on",
}


class Kind(StrEnum):
    """What an alert is about."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    WAITING = "waiting"
    BLOCKED = "blocked_by_a_check"
    PENDING = "stuck_in_pending"
    FAILING = "sensor_failing"
    RETRAINING = "retraining_failed"
    PERMISSION = "permission_lost"
    REVOKED = "revoked"
    BLIND = "permission_unknown"
    ALIAS_MOVED = "alias_moved"
    ALIAS_TAINTED = "alias_tainted"
    ENDPOINT_TAINTED = "endpoint_tainted"
    DECISION_DUE = "decision_due"


class Alert(BaseModel):
    """One message about one cause. `key` identifies the cause: each key is sent once."""

    model_config = ConfigDict(frozen=True)

    key: str
    kind: Kind
    message: str
    job_id: str | None = None
    #: What a link is called -> where it leads.
    links: dict[str, str] = {}


def of_job(job: TrainingJob, links: Urls, *, now: datetime, pending: timedelta) -> Alert | None:
    """The alert about a job in its present state, or None if there is none. Reads nothing.

    A job that failed because a check blocked it has one alert, not two.
    """
    wanted = job.request
    about = f"(training sheet {wanted.training_sheet_id}, model {wanted.model_name}, requested by {job.created_by})"
    cause = _first_line(job.error_message)
    if job.status is JobStatus.FAILED:
        check = _CHECKS.get(str((job.error_details or {}).get("code")))
        kind = Kind.BLOCKED if check else Kind.FAILED
        what = f"was blocked by {check}" if check else "failed"
        message = f"Training job {job.id} {what} {about}: {cause or 'cause unknown'}"
    elif job.status is JobStatus.TIMEOUT:
        kind, message = Kind.TIMED_OUT, f"Training job {job.id} timed out {about}: {cause or 'it ran too long'}"
    elif job.status in ACTIVE and job.error_message:
        what = "is trained, but not finished" if job.is_trained else "waits"
        kind, message = Kind.WAITING, f"Training job {job.id} {what} {about}: {cause}"
    elif job.status is JobStatus.PENDING and now - job.created_at > pending:
        kind, minutes = Kind.PENDING, (now - job.created_at).total_seconds() / 60
        message = (
            f"Training job {job.id} has been pending for {minutes:.0f} minutes {about}. Check that Dagster's daemon "
            "is running and the sensor launch_pending_jobs is on."
        )
    else:
        return None
    key = f"job:{job.id}:{kind}"
    if kind is Kind.WAITING:
        key += f":{_identity(job.error_message)}"
    run_id = job.finalize.run_id or job.launch.run_id
    found = {"training job": links.job(job.id), **({"Dagster run": links.run(run_id)} if run_id else {})}
    return Alert(key=key, kind=kind, message=message, job_id=job.id, links=found)


def of_permission(job: TrainingJob, warning: str, identity: str, links: Urls) -> Alert:
    """The alert about a model trained on pairs that may no longer be trained on; `identity` tells such pairs apart."""
    return Alert(
        key=f"permission:{job.id}:{identity}",
        kind=Kind.PERMISSION,
        message=warning,
        job_id=job.id,
        links={"training job": links.job(job.id), "model": links.asset("fine_tuned_model", job.id)},
    )


def of_warning(job: TrainingJob, warned: Warned, links: Urls) -> Alert:
    """The alert about what happened to the pairs that a job was submitted with."""
    return of_permission(job, warned.message, warned.identity, links)


def of_revocation(
    revocation: Revocation,
    taints: Sequence[Taint],
    jobs: Sequence[str],
    links: Urls,
    *,
    endpoints: Sequence[str] = (),
    people: Sequence[str] = (),
    unread: int = 0,
) -> Alert | None:
    """The alert about models that a revocation taints, and jobs that it keeps from having one; None without any.

    `endpoints` serve one of the models, and `people` requested the jobs that trained them. Of so many `unread` datasets
    nobody can say yet whether a model learned from it.
    """
    if not taints and not jobs and not unread:
        return None
    named = _named([f"{taint.model_name} {taint.model_version or f'of {taint.job_id}'}" for taint in taints])
    what = f"{revocation.kind.replace('_', ' ')} {revocation.value}"
    if revocation.kind == "rows":
        what = f"{revocation.pairs:,} pairs of training sheet {revocation.training_sheet_id}"
    asked = f" Requested by {_named(people)}." if people else ""
    none = "No registered model is known to be trained on it." if unread else "No registered model was trained on it."
    learned = f"Tainted: {named}.{asked}" if named else none
    stopped = f" {len(jobs):,} training jobs in progress will not be registered." if jobs else ""
    served = f" Served by {_named(endpoints)}." if endpoints else ""
    gone = f" The manifests of {unread:,} datasets cannot be read: restore them." if unread else ""
    # Models that are registered, or known to have learned from it, later are another piece of news about it.
    only = taints[0].job_id if len(taints) == 1 else None
    who = hashlib.sha256(",".join(taint.job_id for taint in taints).encode()).hexdigest()[:_IDENTITY]
    key = f"revocation:{revocation.id}" + (f":{only or who}" if taints else "")
    return Alert(
        key=key,
        kind=Kind.REVOKED,
        message=f"Revocation {revocation.id} of {what}. {learned}{served}{stopped}{gone}",
        job_id=only,
        links={"revocation": links.revocation(revocation.id)},
    )


def of_alias_move(move: AliasMove, at: datetime) -> Alert:
    """The alert about an alias that was moved in the registry, and not through this installation."""
    return Alert(
        key=f"alias:{move.model_name}:{move.alias}:{at.isoformat()}",
        kind=Kind.ALIAS_MOVED,
        message=f"The alias {move} in the registry, and not through this installation.",
    )


def of_tainted_alias(found: TaintedAlias, what: OnTaint, version: str | None, links: Urls) -> Alert:
    """The alert about an alias that names a tainted version, or named it until it was moved."""
    names, done = "names", "Move it to a clean version."
    if what == "demote":
        names, done = "named", "It was taken away: no clean version that it named before takes it."
        done = done if version is None else f"It was moved back to version {version}."
    by = ", ".join(found.revocation_ids[:_NAMED])
    return Alert(
        key=f"tainted alias:{found.model_name}:{found.alias}:{found.model_version}:{found.job_id}:{what}",
        kind=Kind.ALIAS_TAINTED,
        message=f"The alias {found.alias} of {found.model_name} {names} version {found.model_version}, "
        f"which is tainted ({by}). {done}",
        job_id=found.job_id,
        links={"training job": links.job(found.job_id)},
    )


def of_tainted_endpoint(found: TaintedEndpoint, links: Urls) -> Alert:
    """The alert about an endpoint that serves a tainted or withdrawn version: one for each of the two states."""
    return Alert(
        key=f"{found.state} endpoint:{found.model_name}:{found.model_version}:{found.job_id}:{found.url}",
        kind=Kind.ENDPOINT_TAINTED,
        message=f"The endpoint {found.url} serves version {found.model_version} of {found.model_name}, which is "
        f"{found.state} ({_named(found.revocation_ids)}). Have it serve a clean version.",
        job_id=found.job_id,
        links={"training job": links.job(found.job_id)},
    )


def of_due_decision(decision: Decision, links: Urls) -> Alert:
    """The alert about a decision whose date has passed: once."""
    return Alert(
        key=f"decision:{decision.number}:due",
        kind=Kind.DECISION_DUE,
        message=f"Decision {decision.number} about the tainted model {decision.model_name} {decision.model_version} "
        f"({decision.decision}, by {decision.actor}) was due on {decision.due}. See that it is done, or decide anew.",
        job_id=decision.job_id,
        links={"training job": links.job(decision.job_id)},
    )


def of_blindness(sheet_id: str, why: str, day: date) -> Alert:
    """The alert about a training sheet of registered models that nobody can look at: once a day."""
    return Alert(
        key=f"blind:{sheet_id}:{day}",
        kind=Kind.BLIND,
        message=f"It is unknown whether what registered models learned from training sheet {sheet_id} is still "
        f"permitted: {_first_line(why)}",
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _identity(cause: str | None) -> str:
    """What a job waits for, whatever the numbers in the sentence are now; the same as in `_waiting_key`. Pure."""
    return hashlib.sha256(re.sub("[0-9]+", "", cause or "").encode()).hexdigest()[:_IDENTITY]


def _waiting_key() -> ColumnElement[str]:
    """The key of the alert about what a job waits for now."""
    cause = func.regexp_replace(training_jobs.c.error_message, "[0-9]+", "", "g")
    identity = func.left(func.encode(func.sha256(func.convert_to(cause, "UTF8")), "hex"), _IDENTITY)
    return func.concat("job:", training_jobs.c.id, f":{Kind.WAITING}:", identity)


def _first_line(text: str | None) -> str:
    line = (text or "").strip().partition("\n")[0]
    return line if len(line) <= _MOST_CAUSE else f"{line[: _MOST_CAUSE - 1]}…"


def notice(store: JobStore, alert: Alert, *, as_event: bool = False) -> bool:
    """Record an alert for delivery. Returns false and writes nothing if its cause is recorded already.

    With `as_event` a cause that is new also becomes an event of its job, in the same transaction.
    """
    with store.begin() as connection:
        new = record(connection, alert)
        if new and as_event and alert.job_id is not None:
            data = {"alert": alert.kind}
            record_event(connection, alert.job_id, EventType.INFO, f"Warning: {alert.message}", "system", data=data)
    return new


def record(connection: Connection, alert: Alert) -> bool:
    """Record an alert within the caller's transaction. Returns false if its cause is recorded already."""
    stored = insert(alerts).values(alert.model_dump()).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(stored.returning(alerts.c.key)).first() is not None


def told_at(store: JobStore, beginning: str) -> datetime | None:
    """When the latest alert was recorded whose key begins so; None for no such alert. Reads only."""
    query = select(func.max(alerts.c.noticed_at)).where(alerts.c.key.startswith(beginning, autoescape=True))
    with store.begin() as connection:
        latest: datetime | None = connection.execute(query).scalar_one()
    return latest


def notice_jobs(store: JobStore, links: Urls, *, now: datetime, pending: timedelta) -> int:
    """Record an alert for each job that failed, timed out, waits for somebody or is stuck in pending and has none.

    A job has one for each cause that it waits for. Returns how many.
    """
    table = training_jobs.c
    over = and_(table.status.in_([JobStatus.FAILED, JobStatus.TIMEOUT]), table.completed_at > now - NEWS)
    stuck = and_(table.status == JobStatus.PENDING, table.created_at < now - pending)
    waiting = and_(table.status.in_(ACTIVE), table.error_message.is_not(None))
    known = select(alerts.c.job_id).where(alerts.c.job_id == table.id)
    untold = [
        and_(over, ~known.where(alerts.c.kind.in_([Kind.FAILED, Kind.TIMED_OUT, Kind.BLOCKED])).exists()),
        and_(stuck, ~known.where(alerts.c.kind == Kind.PENDING).exists()),
        and_(waiting, ~known.where(alerts.c.key == _waiting_key()).exists()),
    ]
    query = select(training_jobs).where(or_(*untold)).order_by(table.updated_at).limit(_AT_ONCE)
    with store.begin() as connection:
        jobs = [job_from_row(row) for row in connection.execute(query).mappings()]
    found = [of_job(job, links, now=now, pending=pending) for job in jobs]
    return sum(notice(store, alert) for alert in found if alert is not None)


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
                target.send(alert.model_dump(mode="json"))
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


def _set(store: JobStore, key: str, values: Mapping[str, Any]) -> None:
    with store.begin() as connection:
        connection.execute(update(alerts).where(alerts.c.key == key).values(dict(values)))
