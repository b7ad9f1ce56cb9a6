"""How long the REST API takes to answer with 100,000 jobs, 1,000,000 events and 1,000,000 metric points stored.

    python bench/api.py [--jobs 100000] [--rounds 40] [--plans]

Starts a PostgreSQL of its own and seeds it by SQL. Each endpoint is asked through the real app in this process (ASGI,
no network), a few also over a real socket from uvicorn. The cases take turns, so that whatever else the machine does
falls on all of them alike. Prints p50, p95 and p99 in milliseconds for each; beside them the milliseconds of CPU that
this process and PostgreSQL were at work for it (Linux), which is what it takes on a machine with nothing else to do;
and the ratio of its median to the bare round trip `SELECT 1` and to `/healthz`, which is the same app without any
database, both measured in the same turns. Last come ratios to how it would be done without what makes it fast.
`--plans` prints the query plans.

The goal is p95 under 20 ms for any filter and any page of the list.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import text

from training_pipeline.api.app import PREFIX, create_app
from training_pipeline.app.container import Services, assemble
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.schemas import paging
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store import queries
from training_pipeline.training_jobs.store.metric_series import metric_series
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs

sys.path.insert(0, str(Path(__file__).parent.parent))
from scratch import scratch_postgres

from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

#: Of 1,000 jobs: 5 are active, the others over in unequal shares, as in a system that has run for a while.
STATUS = """CASE WHEN n % 1000 < 2 THEN 'running' WHEN n % 1000 = 2 THEN 'queued' WHEN n % 1000 < 5 THEN 'pending'
 WHEN n % 100 < 75 THEN 'succeeded' WHEN n % 100 < 88 THEN 'failed' WHEN n % 100 < 97 THEN 'cancelled'
 ELSE 'timeout' END"""
SHEETS, PEOPLE, EVENTS, POINTS, LONG = 200, 40, 10, 9, 100_000


def seed(services: Services, jobs: int) -> str:
    """Fill the tables from one real job, with its dataset and lineage; its id."""
    model = services.jobs.create({"training_sheet_id": "bench", "model_name": "bench"}, created_by="user-0")
    prepared(services, model.id)
    columns = {
        "id": "'tj-' || to_char(now() - make_interval(mins => n), 'YYYYMMDD-HH24MISS') || '-' || lpad(n::text, 6, '0')",
        "created_at": "now() - make_interval(mins => n)",
        "updated_at": "now() - make_interval(mins => n)",
        "status": STATUS,
        "training_sheet_id": f"'sheet-' || (n::bigint * 7919) % {SHEETS}",
        "created_by": f"'user-' || (n::bigint * 104729) % {PEOPLE}",
        "model_name": "'model-' || n % 500",
    }
    names = [column.name for column in training_jobs.columns]
    values = ", ".join(columns.get(name, name) for name in names)
    with services.store.begin() as connection:
        for statement in (
            f"INSERT INTO training_jobs ({', '.join(names)}) SELECT {values} FROM training_jobs,"
            f" generate_series(1, {jobs - 1}) n",
            "INSERT INTO training_job_events (job_id, type, message, actor, data) SELECT id, 'info',"
            " 'Something happened, for the ' || n || 'th time.', 'system', '{\"request_id\": \"req-2f9c41d0b7a3\"}'"
            f" FROM generate_series(1, {EVENTS}) n, training_jobs",
            "INSERT INTO training_job_metrics (job_id, step, train_loss, val_loss, learning_rate, grad_norm, epoch,"
            " tokens, measured_at) SELECT id, n, 3.0 / n, CASE WHEN n % 10 = 0 THEN 3.5 / n END, 1e-4, random(),"
            " n / 100.0, n * 1000, now() FROM training_jobs, LATERAL generate_series(1,"
            f" CASE WHEN id = '{model.id}' THEN {LONG} ELSE {POINTS} END) n",
        ):
            connection.execute(text(statement))
    with services.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    return model.id


def cases(services: Services, job_id: str) -> Iterator[tuple[str, str]]:
    """Names and paths of what is asked."""
    filters = {"training_sheet_id": "sheet-7", "status": "failed", "created_by": "user-3"}
    for size in range(4):
        for chosen in itertools.combinations(filters, size):
            query = "&".join(f"{name}={filters[name]}" for name in chosen)
            name = " + ".join(chosen) or "no filter"
            yield f"list, {name}, first page", f"/jobs?{query}"
            given = {"statuses" if key == "status" else key: filters[key] for key in chosen}
            if "statuses" in given:
                given["statuses"] = [JobStatus.FAILED]  # type: ignore[assignment]
            total = services.store.list(**given, limit=1)[1]  # type: ignore[arg-type]
            middle = services.store.list(**given, limit=1, offset=total // 2)[0]  # type: ignore[arg-type]
            if middle:
                place = paging.encode(paging.JobPosition(created_at=middle[0].created_at, id=middle[0].id))
                yield f"list, {name}, cursor in the middle", f"/jobs?{query}&cursor={place}"
            yield f"list, {name}, last page by number", f"/jobs?{query}&page={max(1, -(-total // 50))}"
    every = "&".join(f"status={status}" for status in ("succeeded", "failed", "cancelled", "timeout"))
    yield "list, four statuses, first page", f"/jobs?{every}"
    yield "list, a status of few", "/jobs?status=running"
    yield "list, nothing found", "/jobs?created_by=nobody"
    yield "list, 200 a page", "/jobs?page_size=200"
    yield "active", "/active"
    yield "one job", f"/jobs/{job_id}"
    yield "events", f"/jobs/{job_id}/events"
    yield "metrics, 9 points", f"/jobs/{services.store.list(limit=1, offset=500)[0][0].id}/metrics"
    yield "metrics, 500 of 100,000 points", f"/jobs/{job_id}/metrics?resolution=500"
    yield "metrics, a stretch of 1,000", f"/jobs/{job_id}/metrics?from_step=50000&to_step=50999&resolution=1000"
    yield "lineage", f"/jobs/{job_id}/lineage"
    yield "models", "/models"
    yield "training sheets", "/training-sheets"


class Clock:
    """Time as it passes, and as this process and PostgreSQL are at work, which no other load changes much."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = psutil.Process(postmaster)
        self._servers: list[Path] = []

    def watch(self) -> None:
        """Look which processes PostgreSQL has now."""
        self._servers = [Path(f"/proc/{child.pid}/schedstat") for child in self._postmaster.children()]

    def now(self) -> tuple[float, float]:
        """Milliseconds that have passed, and milliseconds of CPU (the kernel's account, in nanoseconds)."""
        at_work = sum(int(path.read_text().split()[0]) for path in self._servers if path.exists())
        return 1000 * time.perf_counter(), 1000 * time.process_time() + at_work / 1e6


Taken = dict[str, list[tuple[float, float]]]


def take_turns(calls: dict[str, Callable[[], Any]], rounds: int, clock: Clock) -> Taken:
    """Milliseconds of each call, passed and of CPU, `rounds` times in turn."""
    taken: Taken = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, call in calls.items():
            started, busy = clock.now()
            call()
            ended, at_work = clock.now()
            if number >= 2:  # the first two warm up
                taken[name].append((ended - started, at_work - busy))
        clock.watch()
    return taken


@contextmanager
def socket(app: Any) -> Iterator[httpx2.Client]:
    """A client of the app behind uvicorn on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


def asked(client: Any, path: str) -> Callable[[], Any]:
    def call() -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text[:300])

    return call


def show(taken: Taken) -> None:
    base, empty = (statistics.median(passed for passed, _ in taken[name]) for name in ("SELECT 1", "/healthz"))
    print(f"{'milliseconds':62}{'p50':>8}{'p95':>8}{'p99':>8}{'CPU':>8}   x SELECT 1   x /healthz")
    for name, both in taken.items():
        values, at_work = [passed for passed, _ in both], statistics.median(cpu for _, cpu in both)
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        middle = statistics.median(values)
        ratios = f"{middle / base:13.1f}{middle / empty:13.1f}"
        print(f"{name:62}{middle:8.1f}{cuts[94]:8.1f}{cuts[98]:8.1f}{at_work:8.1f}{ratios}", flush=True)


def compare(services: Services, job_id: str, rounds: int, clock: Clock) -> None:
    """Ratios to the plain way of doing the same."""
    store = services.store

    def without_indexes() -> None:
        with store.begin() as connection:
            connection.execute(text("SET LOCAL enable_indexscan = off"))
            connection.execute(text("SET LOCAL enable_indexonlyscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            connection.execute(queries.jobs(limit=51, created_by="user-3")).all()

    def by_offset() -> None:
        with store.begin() as connection:
            chosen = training_jobs.select().order_by(training_jobs.c.created_at.desc(), training_jobs.c.id.desc())
            found = connection.execute(chosen.limit(51).offset(50_000)).mappings().all()
            [job_from_row(row) for row in found]

    middle = store.list(limit=1, offset=50_000)[0][0]

    def all_points() -> None:
        with store.begin() as connection:
            connection.execute(
                text("SELECT * FROM training_job_metrics WHERE job_id = :id ORDER BY step"), {"id": job_id}
            ).all()

    taken = take_turns(
        {
            "page of one creator": lambda: store.list(limit=51, created_by="user-3"),
            "the same without indexes": without_indexes,
            "page in the middle, by cursor": lambda: store.list(limit=51, after=(middle.created_at, middle.id)),
            "the same by OFFSET over whole rows": by_offset,
            "500 of 100,000 points, chosen in SQL": lambda: metric_series(store, job_id, resolution=500),
            "all of them, to be thinned out in Python": all_points,
        },
        max(3, rounds // 4),
        clock,
    )
    names = list(taken)
    for ours, plain in zip(names[::2], names[1::2], strict=True):
        fast, slow = (statistics.median(cpu for _, cpu in taken[name]) for name in (ours, plain))
        print(f"{ours}: {fast:.1f} ms of CPU; {plain}: {slow:.1f} ms, {slow / fast:.1f} times as much", flush=True)


def plans(services: Services) -> None:
    """The plans of the list's queries."""
    for name, query in {
        "no filter": queries.jobs(limit=51),
        "one status of many jobs": queries.jobs(limit=51, statuses=[JobStatus.FAILED]),
        "sheet, status and creator": queries.jobs(
            limit=51, training_sheet_id="sheet-7", statuses=[JobStatus.FAILED], created_by="user-3"
        ),
        "events": queries.events(services.store.list(limit=1, offset=500)[0][0].id, limit=51),
    }.items():
        compiled = query.compile(services.store.engine, compile_kwargs={"literal_binds": True})
        with services.store.begin() as connection:
            found = connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS) {compiled}"))
            print(f"\n{name}\n" + "\n".join(row[0] for row in found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    with scratch_postgres() as (server, database, scratch):
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        measure(database, scratch, Clock(postmaster), arguments)


def measure(database: Database, scratch: Path, clock: Clock, arguments: argparse.Namespace) -> None:
    settings = Settings(state_dir=scratch / "state")
    ensure_state_directory(settings)
    write_sheet(settings.sheets, "bench", rows(500))
    services = assemble(settings, database, backend=ScriptedBackend())
    started = time.monotonic()
    job_id = seed(services, arguments.jobs)
    print(f"seeded in {time.monotonic() - started:.0f} s", flush=True)
    if arguments.plans:
        plans(services)

    def select_one() -> None:
        with services.store.begin() as connection:
            connection.execute(text("SELECT 1"))

    clock.watch()
    app = create_app(settings, services)
    with TestClient(app) as client:
        gc.collect()
        gc.freeze()  # as the server does once it listens
        calls = {"SELECT 1": select_one, "/healthz": asked(client, "/healthz")}
        calls |= {name: asked(client, PREFIX + path) for name, path in cases(services, job_id)}
        show(take_turns(calls, arguments.rounds, clock))
    with socket(app) as remote:
        print("\nover a socket")
        few = ("list, no filter, first page", "list, status, cursor in the middle", "one job", "events", "active")
        calls = {"SELECT 1": select_one, "/healthz": asked(remote, "/healthz")}
        calls |= {name: asked(remote, PREFIX + path) for name, path in cases(services, job_id) if name in few}
        show(take_turns(calls, arguments.rounds, clock))
    print()
    compare(services, job_id, arguments.rounds, clock)


if __name__ == "__main__":
    main()
