"""What alerts say: a function for each cause.

An alert names jobs, sheets and causes, never the text of a pair: causes are the sentences that a job stores as its
`error_message`, which hold none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.aliases import AliasMove, OnTaint, TaintedAlias
from training_pipeline.domain.decisions import Decision
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.model_version import TaintedEndpoint
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.training_jobs.polling.permission import Warned
from training_pipeline.urls import Urls

_MOST_CAUSE: Final = 300
#: Hexadecimal digits that tell what a job waits for from what it waited for before.
IDENTITY: Final = 16
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
    if job.status is JobStatus.FAILED:
        return _of_failure(job, links)
    if job.status is JobStatus.TIMEOUT:
        return _of_timeout(job, links)
    if job.status in ACTIVE and job.error_message:
        return _of_wait(job, links)
    if job.status is JobStatus.PENDING and now - job.created_at > pending:
        return _of_pending(job, links, now - job.created_at)
    return None


def _of_failure(job: TrainingJob, links: Urls) -> Alert:
    check = _CHECKS.get(str((job.error_details or {}).get("code")))
    what = f"was blocked by {check}" if check else "failed"
    cause = _first_line(job.error_message) or "cause unknown"
    return _about(job, links, Kind.BLOCKED if check else Kind.FAILED, f"{what} {_whose(job)}: {cause}")


def _of_timeout(job: TrainingJob, links: Urls) -> Alert:
    cause = _first_line(job.error_message) or "it ran too long"
    return _about(job, links, Kind.TIMED_OUT, f"timed out {_whose(job)}: {cause}")


def _of_wait(job: TrainingJob, links: Urls) -> Alert:
    """One for each cause that the job waits for."""
    what = "is trained, but not finished" if job.is_trained else "waits"
    said = f"{what} {_whose(job)}: {_first_line(job.error_message)}"
    return _about(job, links, Kind.WAITING, said, identity=f":{_identity(job.error_message)}")


def _of_pending(job: TrainingJob, links: Urls, waited: timedelta) -> Alert:
    minutes = waited.total_seconds() / 60
    said = (
        f"has been pending for {minutes:.0f} minutes {_whose(job)}. Check that Dagster's daemon is running and the "
        "sensor launch_pending_jobs is on."
    )
    return _about(job, links, Kind.PENDING, said)


def _whose(job: TrainingJob) -> str:
    wanted = job.request
    return f"(training sheet {wanted.training_sheet_id}, model {wanted.model_name}, requested by {job.created_by})"


def _about(job: TrainingJob, links: Urls, kind: Kind, said: str, *, identity: str = "") -> Alert:
    run_id = job.finalize.run_id or job.launch.run_id
    found = {"training job": links.job(job.id), **({"Dagster run": links.run(run_id)} if run_id else {})}
    message = f"Training job {job.id} {said}"
    return Alert(key=f"job:{job.id}:{kind}{identity}", kind=kind, message=message, job_id=job.id, links=found)


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
    who = hashlib.sha256(",".join(taint.job_id for taint in taints).encode()).hexdigest()[:IDENTITY]
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
    """What a job waits for, whatever the numbers in the sentence are; the same as in `records.waiting_key`."""
    return hashlib.sha256(re.sub("[0-9]+", "", cause or "").encode()).hexdigest()[:IDENTITY]


def _first_line(text: str | None) -> str:
    line = (text or "").strip().partition("\n")[0]
    return line if len(line) <= _MOST_CAUSE else f"{line[: _MOST_CAUSE - 1]}…"
