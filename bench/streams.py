"""What many idle streams of events cost a server, against the same clients asking every few seconds instead.

    python bench/streams.py [--streams 1000] [--seconds 30] [--ask-every 5]

Starts `training-pipeline serve` on a database of its own, and lets it run for a while with nobody there, with as many
streams as asked for, each on an active job of its own, and with as many clients that get their job every few seconds.
Prints what the server then uses: processor time, memory, threads, connections to the database, and their ratios; and
how long an event takes from its commit to one of those many clients.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from training_pipeline.app.container import Services, open_services
from training_pipeline.domain.job import JobStatus, ResolvedRequest, TrainingJob
from training_pipeline.domain.job_id import new_job_id
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.processes import allow_descriptors
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.events import EventType

COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
PATH = "/api/v1/training/jobs"
PORT = 8765


@dataclass(frozen=True)
class Use:
    """What the server used over a while."""

    processor_percent: float
    megabytes: float
    threads: int
    connections: int

    def __str__(self) -> str:
        return (
            f"{self.processor_percent:6.2f} % of a core  {self.megabytes:6.1f} MB  {self.threads:3} threads  "
            f"{self.connections:3} database connections"
        )


class Bench:
    def __init__(self, server: psutil.Process, services: Services, jobs: list[str], seconds: float) -> None:
        self.server, self.services, self.jobs, self.seconds = server, services, jobs, seconds

    async def use(self) -> Use:
        """What the server uses from now on, for as long as was asked for."""
        before, began = self.server.cpu_times(), time.monotonic()
        await asyncio.sleep(self.seconds)
        after, took = self.server.cpu_times(), time.monotonic() - began
        query = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with self.services.store.begin() as connection:
            connections = int(connection.execute(query).scalar_one())
        return Use(
            100 * (after.user + after.system - before.user - before.system) / took,
            self.server.memory_info().rss / 2**20,
            self.server.num_threads(),
            connections,
        )

    async def stream(self, job_id: str, opened: asyncio.Event, arrived: dict[str, asyncio.Event]) -> None:
        """Follow a job; says when its first event has come, and sets the event that is named by a later message."""
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.write(f"GET {PATH}/{job_id}/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    opened.set()
                for name, event in arrived.items():
                    if name.encode() in line:
                        event.set()
        finally:
            writer.close()

    async def ask(self, jobs: list[str], every: float) -> None:
        """Get each of the jobs once in so many seconds, on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        start, number = time.monotonic(), 0
        while True:
            job_id = jobs[number % len(jobs)]
            writer.write(f"GET {PATH}/{job_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            number += 1
            await asyncio.sleep(max(0.0, start + number * every / len(jobs) - time.monotonic()))

    async def latencies(self, arrived: dict[str, asyncio.Event], job_id: str) -> list[float]:
        """Seconds from commit to arrival, of an event now and then."""
        found = []
        for number in range(20):
            name = f"event-{number}."
            arrived.clear()
            arrived[name] = asyncio.Event()
            await asyncio.to_thread(self.services.store.record, job_id, EventType.INFO, name)
            committed = time.monotonic()
            await asyncio.wait_for(arrived[name].wait(), 10)
            found.append(time.monotonic() - committed)
            await asyncio.sleep(1.1)  # a job is looked at once a second at most
        return found

    async def run(self, every: float) -> None:
        warm = [asyncio.create_task(self.ask([job_id], 60)) for job_id in self.jobs[:200]]
        await asyncio.sleep(5)  # whatever a server keeps once many have come: its pools of threads and connections
        for task in warm:
            task.cancel()
        nobody = await self.use()
        print(f"nobody there             {nobody}", flush=True)
        opened, arrived = [asyncio.Event() for _ in self.jobs], dict[str, asyncio.Event]()
        began = time.monotonic()
        streams = []
        for number, job_id in enumerate(self.jobs):
            streams.append(asyncio.create_task(self.stream(job_id, opened[number], arrived)))
            if number % 50 == 49:
                await opened[number].wait()
        await asyncio.gather(*(event.wait() for event in opened))
        took = time.monotonic() - began
        idle = await self.use()
        print(f"{len(streams):5} idle streams       {idle}", flush=True)
        latencies = await self.latencies(arrived, self.jobs[len(self.jobs) // 2])
        assert not any(stream.done() for stream in streams)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        await asyncio.sleep(2)
        hands = 50
        asking = [asyncio.create_task(self.ask(self.jobs[hand::hands], every)) for hand in range(hands)]
        asked = await self.use()
        for task in asking:
            task.cancel()
        print(f"{len(streams):5} that ask every {every:g} s {asked}", flush=True)
        print(f"opened in {took:.1f} s; {(idle.megabytes - nobody.megabytes) * 1024 / len(streams):.0f} KB a stream")
        extra = [max(0.01, use.processor_percent - nobody.processor_percent) for use in (idle, asked)]
        print(f"processor time beyond nobody's: asking takes {extra[1] / extra[0]:.0f} times that of idle streams")
        more = idle.connections - nobody.connections
        print(
            f"threads: {idle.threads / nobody.threads:.2f} times those without a stream; database connections: {more:+}"
        )
        print(
            f"from commit to client: median {1000 * statistics.median(latencies):.0f} ms, "
            f"longest {1000 * max(latencies):.0f} ms of {len(latencies)}; asking takes {every / 2:g} s on average, "
            f"{every / 2 / statistics.median(latencies):.0f} times as long"
        )


def active_jobs(services: Services, count: int) -> list[str]:
    """So many running jobs."""
    made = []
    for _ in range(count):
        now = datetime.now(UTC)
        job = TrainingJob(
            id=new_job_id(now),
            status=JobStatus.RUNNING,
            backend="none",
            created_by="bench",
            created_at=now,
            updated_at=now,
            request=ResolvedRequest(
                training_sheet_id="sheet-123",
                training_sheet_name="Triage",
                model_name="triage",
                base_model="builtin:tiny",
                requested_config={},
                training_config=TrainingConfig(epochs=1).model_dump(),
                train_val_split=0.8,
                split_seed="sheet-123",
            ),
        )
        made.append(services.store.create(job, message="Created.").id)
    return made


def serving(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A server that answers."""
    server = subprocess.Popen(
        [*COMMAND, "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return server
    sys.exit("the server does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--ask-every", type=float, default=5)
    arguments = parser.parse_args()
    allow_descriptors(arguments.streams + 200)
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        state = Path(scratch) / "state"
        settings: dict[str, Any] = {"TRAINING_PIPELINE_STATE_DIR": str(state), "TRAINING_PIPELINE_API_PORT": str(PORT)}
        environment = {**os.environ, **settings}
        subprocess.run([*COMMAND, "env"], env=environment, check=True, capture_output=True)  # migrates
        try:
            services = open_services(Settings(state_dir=state))
            jobs = active_jobs(services, arguments.streams)
            server = serving(environment)
            bench = Bench(psutil.Process(server.pid), services, jobs, arguments.seconds)
            try:
                asyncio.run(bench.run(arguments.ask_every))
            finally:
                server.terminate()
                server.wait(30)
                services.store.engine.dispose()
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


if __name__ == "__main__":
    main()
