from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store import queries
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import columns_of, row_of
from training_pipeline.training_jobs.store.tables import training_jobs

START = datetime(2026, 11, 23, tzinfo=UTC)


def stored(store: JobStore, who: str, seconds: list[int]) -> list[str]:
    """Jobs created so many seconds after the start; their ids."""
    jobs = [new_job(id=f"tj-{uuid4()}", created_by=who, created_at=START + timedelta(seconds=s)) for s in seconds]
    if jobs:
        with store.begin() as connection:
            connection.execute(insert(training_jobs), [row_of(job) for job in jobs])
    return [job.id for job in jobs]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 5), st.lists(st.integers(6, 9), max_size=6))
def test_a_walk_sees_every_job_once_whatever_is_created_meanwhile(
    store: JobStore, seconds: list[int], limit: int, later: list[int]
) -> None:
    who = str(uuid4())
    before = set(stored(store, who, seconds))
    seen: list[str] = []
    after = None
    while True:
        page, total = store.list(created_by=who, limit=limit, after=after)
        assert total >= len(before)
        seen += [job.id for job in page]
        if not page:
            break
        after = (page[-1].created_at, page[-1].id)
        stored(store, who, later[:1])  # newer than all: it comes before what was seen already
        later = later[1:]
    assert sorted(seen) == sorted(before)


def test_numbered_pages_and_filters_agree_with_python(store: JobStore) -> None:
    jobs = [
        store.create(
            new_job(id=f"tj-{n:02d}", created_by="ab"[n % 2], training_sheet_id=f"s{n % 3}", created_at=START),
            message="Created.",
        )
        for n in range(12)
    ]
    for n in (0, 3, 6):
        store.change(jobs[n], JobStatus.CANCELLED, message="x")
    found, total = store.list(created_by="a", training_sheet_id="s0", statuses=[JobStatus.CANCELLED], limit=1, offset=1)
    assert ([job.id for job in found], total) == (["tj-00"], 2)
    assert [job.id for job in store.list(limit=None)[0]] == [f"tj-{n:02d}" for n in range(11, -1, -1)]
    assert store.list(created_by="c") == ([], 0)


@pytest.mark.parametrize("sort", list(queries.JobSort))
@pytest.mark.parametrize("descending", [True, False])
def test_every_order_is_pythons_with_jobs_without_a_value_last(
    store: JobStore, sort: queries.JobSort, descending: bool
) -> None:
    values = [None, 2.0, 1.0, None, 3.0, 2.0]
    for n, value in enumerate(values):
        job = new_job(id=f"tj-{n}", created_at=START + timedelta(seconds=n), model_name=f"m{n % 3}", train_loss=value)
        store.create(job, message="Created.")
    found = store.list(sort=sort, descending=descending, limit=None)[0]
    newest_first = sorted(found, key=lambda job: job.created_at, reverse=True)
    if sort is queries.JobSort.CREATED_AT:
        assert found == (newest_first if descending else newest_first[::-1])
        return
    known = [job for job in newest_first if columns_of(job)[sort] is not None]
    unknown = [job for job in newest_first if columns_of(job)[sort] is None]
    assert found == sorted(known, key=lambda job: columns_of(job)[sort], reverse=descending) + unknown
    assert [store.list(sort=sort, descending=descending, limit=1, offset=n)[0][0] for n in range(6)] == found


def test_a_search_takes_its_text_for_text(store: JobStore) -> None:
    for n, name in enumerate(("triage-100", "Triage_a", "router")):
        store.create(
            new_job(id=f"tj-{n}", model_name=name, training_sheet_name="S", created_by="ada%"), message="Created."
        )
    named = {
        text: {job.request.model_name for job in store.list(search=text)[0]}
        for text in ("TRIAGE", "_", "%", "tj-2", "x")
    }
    assert named == {
        "TRIAGE": {"triage-100", "Triage_a"},
        "_": {"Triage_a"},
        "%": {"triage-100", "Triage_a", "router"},
        "tj-2": {"router"},
        "x": set(),
    }


@pytest.fixture
def many(store: JobStore) -> JobStore:
    """A store with 20,000 jobs, most of them over."""
    job = row_of(new_job(status=JobStatus.SUCCEEDED))
    with store.begin() as connection:
        connection.execute(insert(training_jobs).values(job))
        names = [column.name for column in training_jobs.columns]
        made = {
            "id": "'tj-' || n",
            "created_at": "now() - make_interval(secs => n)",
            "status": "CASE WHEN n % 1000 = 0 THEN 'running' ELSE 'succeeded' END",
            "training_sheet_id": "'sheet-' || n % 50",
            "created_by": "'user-' || n % 20",
        }
        values = ", ".join(made.get(name, name) for name in names)
        connection.execute(
            text(
                f"INSERT INTO training_jobs ({', '.join(names)})"
                f" SELECT {values} FROM training_jobs, generate_series(1, 20000) n"
            )
        )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE training_jobs"))
    return store


def test_a_page_reads_only_its_own_rows(many: JobStore) -> None:
    for query in (
        queries.jobs(limit=20),
        queries.jobs(limit=20, statuses=[JobStatus.RUNNING]),
        queries.jobs(limit=20, statuses=[JobStatus.SUCCEEDED, JobStatus.FAILED], created_by="user-7"),
        queries.jobs(limit=20, training_sheet_id="sheet-3", after=(START + timedelta(days=999), "x")),
    ):
        compiled = query.compile(many.engine, compile_kwargs={"literal_binds": True})
        with many.begin() as connection:
            plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN (ANALYZE) {compiled}")))
        assert "Seq Scan on training_jobs" not in plan, plan
        assert "Index Only Scan" in plan, plan
