"""Decisions about tainted versions: appended one after the other, chained by hash, never changed.

Each is also told by an event of its job, with its hash. So a decision that is removed at the end of the chain shows,
too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, text

from training_pipeline.domain.decisions import (
    GENESIS,
    Decision,
    DecisionKind,
    InForce,
    broken,
    decision_problems,
    hash_of,
    in_force,
)
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound
from training_pipeline.models.revocations.tables import decisions
from training_pipeline.models.revocations.taints import taints_of
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore

_JOB: Final = text(
    "SELECT j.id FROM training_jobs AS j JOIN training_job_lineage AS l ON l.job_id = j.id"
    " WHERE coalesce(j.uc_model_name, j.model_name) = :name AND l.model_version = :version"
    " ORDER BY j.created_at DESC LIMIT 1"
)
_WITNESSED: Final = text(
    "SELECT CAST(data ->> 'decision_number' AS integer), data ->> 'decision_hash' FROM training_job_events"
    " WHERE data ? 'decision_hash' AND type = 'info'"
)
#: Only versions that are tainted were decided about: their events are few among all.
_HIGHEST: Final = text(
    "SELECT max(CAST(data ->> 'decision_number' AS integer)) FROM training_job_events"
    " WHERE data ? 'decision_hash' AND type = 'info' AND job_id IN (SELECT job_id FROM taints)"
)


def proposed(approval: timedelta) -> str:
    """What is said of a decision that does not hold yet."""
    return f"It holds once a second steward has decided the same, within {in_days(approval)}."


def in_days(time: timedelta) -> str:
    """A time in words."""
    days = time / timedelta(days=1)
    return f"{days:g} day{'' if days == 1 else 's'}"


class Decisions:
    """Reads and appends decisions. Every method is one transaction.

    With an `approval` a decision holds once a second person has made the same within that time.
    """

    def __init__(self, store: JobStore, *, approval: timedelta | None = None) -> None:
        self._store = store
        self._approval = approval

    def decide(
        self,
        name: str,
        version: str,
        decision: DecisionKind,
        *,
        reason: str,
        actor: str,
        due: date | None = None,
        evidence: str | None = None,
    ) -> Decision:
        """Append a decision about a version, with an event of its job.

        Raises `InvalidRequest` with every problem at once, `NotFound` for an unknown version, and `Conflict` for one
        that is not tainted.
        """
        now = datetime.now(UTC)
        if problems := decision_problems(reason, due, evidence, today=now.date()):
            raise InvalidRequest("The decision is invalid.", problems=problems)
        with self._store.begin() as connection:
            job_id, revocation_ids = _tainted(connection, name, version)
            # One after the other: each needs the hash of the one before.
            connection.execute(text("LOCK TABLE decisions IN SHARE ROW EXCLUSIVE MODE"))
            last = connection.execute(
                select(decisions.c.number, decisions.c.hash).order_by(decisions.c.number.desc()).limit(1)
            ).first()
            # The number of a decision that was removed is not taken again.
            highest = max(0 if last is None else last.number, connection.execute(_HIGHEST).scalar_one() or 0)
            fields: dict[str, Any] = {
                "number": highest + 1,
                "model_name": name,
                "model_version": version,
                "job_id": job_id,
                "decision": decision,
                "revocation_ids": revocation_ids,
                "reason": reason.strip(),
                "actor": actor,
                "due": None if due is None else due.isoformat(),
                "evidence": evidence,
                "decided_at": now.isoformat(timespec="microseconds"),
                "previous_hash": GENESIS if last is None else last.hash,
            }
            fields["hash"] = hash_of(fields)
            connection.execute(insert(decisions).values({**fields, "due": due}))
            holds = held(connection, [job_id], approval=self._approval)[job_id].holding is not None
            record_event(
                connection,
                job_id,
                EventType.INFO,
                f"Decision {fields['number']} about the tainted model {name} {version}: {decision}."
                + ("" if holds or self._approval is None else f" {proposed(self._approval)}"),
                actor,
                data={"decision_number": fields["number"], "decision_hash": fields["hash"]},
            )
        return Decision.model_validate(fields)

    def risk_accepted(self, name: str, version: str) -> bool:
        """Whether the last decision about a version accepts the risk of every revocation that taints it now. Reads.

        A revocation that came after the decision is not accepted by it. Raises `NotFound`.
        """
        with self._store.begin() as connection:
            job_id = job_of(connection, name, version)
            tainting = {taint.revocation_id for taint in taints_of(connection, job_ids=[job_id])}
            found = held(connection, [job_id], approval=self._approval).get(job_id, InForce()).holding
        return found is not None and found.decision == "accept_risk" and tainting <= found.revocation_ids

    def in_force(self, job_ids: Collection[str]) -> Mapping[str, InForce]:
        """By these jobs, what holds of the decisions about the versions that they registered. Reads only."""
        with self._store.begin() as connection:
            return held(connection, job_ids, approval=self._approval)

    def page(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        limit: int,
        offset: int = 0,
        before: int | None = None,
    ) -> tuple[list[Decision], int]:
        """Decisions, newest first, and how many there are in all. Reads only."""
        table = decisions.c
        matches = [
            column == value for column, value in ((table.model_name, name), (table.model_version, version)) if value
        ]
        further = [] if before is None else [table.number < before]
        query = select(decisions).where(*matches, *further).order_by(table.number.desc()).limit(limit).offset(offset)
        with self._store.begin() as connection:
            total = connection.execute(select(func.count()).select_from(decisions).where(*matches)).scalar_one()
            return [Decision.model_validate(dict(row)) for row in connection.execute(query).mappings()], total

    def overdue(self, today: date) -> list[Decision]:
        """Decisions whose date has passed, the last about its version each. Reads only."""
        later = decisions.alias("later")
        superseded = select(later.c.number).where(
            later.c.job_id == decisions.c.job_id, later.c.number > decisions.c.number
        )
        query = select(decisions).where(decisions.c.due < today, ~superseded.exists()).order_by(decisions.c.number)
        with self._store.begin() as connection:
            return [Decision.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def verify(self, *, head: str | None = None) -> tuple[list[Decision], list[str]]:
        """All decisions by number, and what is wrong with the chain. Reads only."""
        with self._store.begin() as connection:
            connection.execute(text("LOCK TABLE decisions IN SHARE MODE"))  # none between the two reads
            rows = connection.execute(select(decisions).order_by(decisions.c.number)).mappings()
            every = [Decision.model_validate(dict(row)) for row in rows]
            told = connection.execute(_WITNESSED).tuples().all()
        return every, broken(every, {(int(number), str(hashed)) for number, hashed in told}, head=head)


def held(connection: Connection, job_ids: Collection[str], *, approval: timedelta | None) -> dict[str, InForce]:
    """By the job of each version that something was decided about: what holds now. Reads only."""
    query = select(decisions).where(decisions.c.job_id.in_(job_ids)).order_by(decisions.c.number.desc())
    of_job: dict[str, list[Decision]] = {}
    for row in connection.execute(query).mappings():
        of_job.setdefault(str(row["job_id"]), []).append(Decision.model_validate(dict(row)))
    now = datetime.now(UTC)  # as the decisions have it
    return {job_id: in_force(found, approval=approval, now=now) for job_id, found in of_job.items()}


def job_of(connection: Connection, name: str, version: str) -> str:
    """The id of the job that registered a version; raises `NotFound`. Reads only."""
    job_id: str | None = connection.execute(_JOB, {"name": name, "version": version}).scalar_one_or_none()
    if job_id is None:
        raise NotFound(f"There is no version {version!r} of a model {name!r}.")
    return job_id


def _tainted(connection: Connection, name: str, version: str) -> tuple[str, list[str]]:
    """The job of the version, and the revocations that taint it."""
    job_id = job_of(connection, name, version)
    revocation_ids = [taint.revocation_id for taint in taints_of(connection, job_ids=[job_id])]
    if not revocation_ids:
        raise Conflict(f"Version {version} of {name} is not tainted: there is nothing to decide.")
    return job_id, revocation_ids
