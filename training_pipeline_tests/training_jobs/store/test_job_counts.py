from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select, text, update

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store import queries
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import row_of
from training_pipeline.training_jobs.store.tables import training_job_counts, training_jobs

STATUSES = [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.FAILED]


class RolledBack(Exception):
    """What ends a transaction without anything having happened."""


def add(connection: Connection, count: int, who: str) -> None:
    jobs = [new_job(id=f"tj-{uuid4()}", created_by=who) for _ in range(count)]
    connection.execute(insert(training_jobs), [row_of(job) for job in jobs])


def change(connection: Connection, status: JobStatus, count: int, who: str) -> None:
    """The newest jobs of somebody get a status, which some of them may have."""
    some = select(training_jobs.c.id).where(training_jobs.c.created_by == who).limit(count)
    connection.execute(update(training_jobs).where(training_jobs.c.id.in_(some)).values(status=status))


def remove(connection: Connection, count: int, who: str) -> None:
    some = select(training_jobs.c.id).where(training_jobs.c.created_by == who).limit(count)
    connection.execute(delete(training_jobs).where(training_jobs.c.id.in_(some)))


def wrong(connection: Connection) -> dict[str, tuple[int, int]]:
    """The statuses whose count is not that of the jobs, all seen at one moment."""
    known = select(training_job_counts.c.status, func.sum(training_job_counts.c.jobs).label("known"))
    first = known.group_by(training_job_counts.c.status).subquery()
    true = select(training_jobs.c.status, func.count().label("true")).group_by(training_jobs.c.status).subquery()
    both = select(
        func.coalesce(first.c.status, true.c.status),
        func.coalesce(first.c.known, 0),
        func.coalesce(true.c.true, 0),
    ).select_from(first.outerjoin(true, first.c.status == true.c.status, full=True))
    return {status: (int(known), int(there)) for status, known, there in connection.execute(both) if known != there}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove", "roll back", "empty"]),
        st.integers(0, 4),
        st.sampled_from(STATUSES),
    ),
    max_size=8,
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_the_totals_are_those_of_counting(store: JobStore, changes: list[tuple[str, int, JobStatus]]) -> None:
    for kind, count, status in changes:
        with pytest.raises(RolledBack), store.begin() as connection:  # noqa: PT012 - each step is one transaction
            if kind == "empty":
                connection.execute(text("TRUNCATE training_jobs CASCADE"))
            elif kind == "change":
                change(connection, status, count, "ada")
            elif kind == "remove":
                remove(connection, count, "ada")
            elif count:
                add(connection, count, "ada")
            assert wrong(connection) == {}
            if kind != "roll back":
                connection.commit()
            raise RolledBack
        with store.begin() as connection:
            assert wrong(connection) == {}
    with store.begin() as connection:
        there = connection.execute(select(func.count()).select_from(training_jobs)).scalar_one()
    assert store.list(limit=1)[1] == there


def test_many_at_once_are_counted_and_summed_up(store: JobStore) -> None:
    """Whoever looks at any moment sees totals that are those of the jobs, and few rows are left of many."""
    ended = Event()

    def write(number: int) -> None:
        chance, who = random.Random(number), f"user-{number}"
        for _ in range(60):
            with pytest.raises(RolledBack), store.begin() as connection:  # noqa: PT012 - as above
                add(connection, chance.randint(1, 3), who)
                change(connection, chance.choice(STATUSES), chance.randint(1, 6), who)
                if chance.random() < 0.2:
                    remove(connection, 1, who)
                if chance.random() < 0.8:
                    connection.commit()
                raise RolledBack

    def look() -> list[dict[str, tuple[int, int]]]:
        found = []
        while not ended.is_set():
            with store.begin() as connection:
                found.append(wrong(connection))
        return found

    with ThreadPoolExecutor(7) as pool:
        looking = pool.submit(look)
        try:
            for one in [pool.submit(write, number) for number in range(6)]:
                one.result(300)
        finally:
            ended.set()
        seen = looking.result(300)
    assert seen
    assert not any(seen)
    with store.begin() as connection:
        assert wrong(connection) == {}
        rows, last = connection.execute(select(func.count(), func.max(training_job_counts.c.id))).one()
    assert last > 1000
    assert rows < 800


def test_a_list_without_other_filters_counts_no_jobs() -> None:
    assert "count(" not in str(queries.jobs(limit=50))
    assert "count(" not in str(queries.jobs(limit=50, statuses=STATUSES))
    assert "count(" in str(queries.jobs(limit=50, statuses=STATUSES, created_by="ada"))
