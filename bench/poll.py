"""How fast active jobs are looked at: 1,000 of them on a backend that takes 100 ms for every answer.

    python bench/poll.py [--jobs 1000] [--answer 0.1] [--one-by-one 20]

Starts a PostgreSQL of its own. The backend answers each question after a pause, as a server far away would: a look at a
running job asks two, its status and its points. Every look finds news (progress and a point), which is the worst case;
a second round finds none; a third and a fourth ask a backend that tells all states at once, and then only jobs with
news for their points. Prints for each the seconds until every job was looked at, in ticks of the sensor's 20 s, with
default settings; the statements that it took; and the ratio to looking at one job after the other, measured in the same
run on a sample and extrapolated.

The goals: 1,000 jobs asked about one by one within 10 s, and 10,000 (--jobs 10000) by a backend that tells all states
at once within 30 s. With --mlflow every job has a run in MLflow, on the same PostgreSQL.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import event, insert, text

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.run_state import Run, RunState
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import row_of
from training_pipeline.training_jobs.store.tables import training_jobs

sys.path.insert(0, str(Path(__file__).parent.parent))
from scratch import scratch_postgres

from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job

TICK = 20.0


class DistantBackend(ScriptedBackend):
    """Answers every question after a pause. `step` is how far every job is."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.step = 0

    def status(self, job_id: str, attempt: int) -> RunState:
        time.sleep(self.seconds)
        return RunState(status=JobStatus.RUNNING, step=self.step, planned_steps=1000)

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        time.sleep(self.seconds)
        steps = range(offset + 1, self.step + 1)
        return [MetricPoint(name="train_loss", step=n, value=1 / n, time=1.79e9 + n) for n in steps], self.step


class BulkBackend(DistantBackend):
    """Tells all states in one answer."""

    def statuses(self, runs: Collection[Run]) -> Mapping[Run, RunState]:
        return dict.fromkeys(runs, self.status("", 1).model_copy(update={"metrics_offset": self.step}))


def rounds(poller: Poller, jobs: int, statements: list[str]) -> tuple[float, int, int]:
    """Seconds until all jobs were looked at once, in how many ticks, and the statements that it took."""
    statements.clear()
    started, seen, ticks = time.monotonic(), set[str](), 0
    while len(seen) < jobs:
        seen |= {job.id for job in poller.poll_due(seconds=TICK)}
        ticks += 1
    return time.monotonic() - started, ticks, len(statements)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--answer", type=float, default=0.1, help="seconds that the backend takes for an answer")
    parser.add_argument("--one-by-one", type=int, default=20, help="jobs in the sample that is looked at one by one")
    parser.add_argument("--mlflow", action="store_true", help="copy the points to MLflow too")
    arguments = parser.parse_args()
    with scratch_postgres() as (_, database, scratch):
        measure(database, scratch, arguments)


def measure(database: Database, scratch: Path, arguments: argparse.Namespace) -> None:
    store = JobStore(database.engine())
    tracking = Tracking(SecretStr(database.url("mlflow")), experiment="bench", artifacts=scratch)
    # The ids of ten thousand jobs of one second would not all differ.
    jobs = [
        new_job(id=f"tj-20260101-000000-{number:06x}", status=JobStatus.RUNNING) for number in range(arguments.jobs)
    ]
    if arguments.mlflow:
        runs = {job.id: tracking.start_run(job.id, params={}, tags={})[1] for job in jobs}
        jobs = [job.model_copy(update={"mlflow_run_id": runs[job.id]}) for job in jobs]
    with store.begin() as connection:
        connection.execute(insert(training_jobs), [row_of(job) for job in jobs])
        connection.execute(text("ANALYZE training_jobs"))
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    threads = Settings().poll_threads
    backend, bulk = DistantBackend(arguments.answer), BulkBackend(arguments.answer)

    backend.step = 1
    single = Poller(store, backend, tracking, threads=1)
    started = time.monotonic()
    for job in jobs[: arguments.one_by_one]:
        single.poll(job.id)
    each = (time.monotonic() - started) / arguments.one_by_one
    serial = each * arguments.jobs
    print(f"one by one: {each * 1000:.0f} ms a job ({arguments.one_by_one} measured), {serial:.0f} s for all of them")

    poller = Poller(store, backend, tracking, threads=threads)
    cases = [("news of every job", poller, backend, 2), ("no news", poller, backend, 2)]
    at_once = Poller(store, bulk, tracking, threads=threads)
    cases += [("news, all states at once", at_once, bulk, 3), ("no news, all states at once", at_once, bulk, 3)]
    for name, at_work, asked, step in cases:
        asked.step = step
        busy = time.process_time()
        seconds, ticks, count = rounds(at_work, arguments.jobs, statements)
        busy = time.process_time() - busy
        print(
            f"{name}: {seconds:.1f} s in {ticks} tick(s) with {threads} threads ({busy:.1f} s of CPU),"
            f" {count / arguments.jobs:.2f} statements a job; one by one takes {serial / seconds:.1f} times as long",
            flush=True,
        )


if __name__ == "__main__":
    main()
