"""Whether everybody who follows a job that trains is told all its events, each once and in order, on a busy machine.

    python bench/event_order.py [--streams 1000] [--writers 4] [--events 1000] [--load 0]

Starts `training-pipeline up` with a stand-in trainer, creates a job, and follows it with as many streams of events as
asked for. While it is launched, trained and finished, writers in threads of their own add events to it as fast as they
can. Prints how many streams missed, repeated or swapped events, and how long after the job's end the last stream ended.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from training_pipeline.domain.job import TERMINAL
from training_pipeline.infra.processes import allow_descriptors
from training_pipeline.testing.system.running_system import RunningSystem
from training_pipeline.training_jobs.store.events import EventType


@dataclass
class Stream:
    """What one stream was told."""

    ids: list[int] = field(default_factory=list)
    over_at: float | None = None
    problem: str = ""


async def follow(port: int, job_id: str, stream: Stream, opened: asyncio.Event) -> None:
    """Read a stream to its end."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/api/v1/training/jobs/{job_id}/events/stream"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while line := await reader.readline():
            opened.set()
            if line.startswith(b"id: "):
                stream.ids.append(int(line[4:]))
        stream.over_at = time.monotonic()
        writer.close()
    except OSError as error:
        stream.problem = str(error)
    opened.set()


def write(system: RunningSystem, job_id: str, events: int) -> None:
    """Add events while the job is at it."""
    for number in range(events):
        system.services.store.record(job_id, EventType.INFO, f"written {number}")


async def run(system: RunningSystem, arguments: argparse.Namespace) -> int:
    job = system.create()
    streams = [Stream() for _ in range(arguments.streams)]
    tasks, began = [], time.monotonic()
    for number, stream in enumerate(streams):
        opened = asyncio.Event()
        tasks.append(asyncio.create_task(follow(system.settings.api_port, job.id, stream, opened)))
        if number % 25 == 24:
            await opened.wait()
    print(f"{len(streams)} streams opened in {time.monotonic() - began:.1f} s", flush=True)
    with ThreadPoolExecutor(arguments.writers) as pool:
        share = arguments.events // arguments.writers
        written = [pool.submit(write, system, job.id, share) for _ in range(arguments.writers)]
        while system.job(job.id).status not in TERMINAL:
            await asyncio.sleep(0.2)
        over = time.monotonic()
        for one in written:
            await asyncio.wrap_future(one)
    print(f"the job is {system.job(job.id).status} after {over - began:.1f} s", flush=True)
    await asyncio.wait(tasks, timeout=120)
    events, total = system.services.store.events(job.id, limit=None, newest_first=False)
    last = max(event.id for event in events if event.new_status in TERMINAL)
    due = [event.id for event in events if event.id <= last]  # what comes after the end is nobody's to follow
    told = [[one for one in stream.ids if one <= last] for stream in streams]
    missed = sum(bool(set(due) - set(ids)) for ids in told)
    twice = sum(len(ids) != len(set(ids)) for ids in told)
    swapped = sum(ids != sorted(ids) for ids in told)
    broken = sum(bool(stream.problem) or stream.over_at is None for stream in streams)
    latest = max((stream.over_at or over) for stream in streams) - over
    print(f"{total} events, {len(due)} of them until the job's end; each to {len(streams)} streams")
    print(f"streams that missed events {missed}, had one twice {twice}, out of order {swapped}, broke {broken}")
    print(f"the last stream ended {latest:.1f} s after the job")
    return int(bool(missed or twice or swapped or broken))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--load", type=int, default=0, help="processes that keep the machine busy")
    arguments = parser.parse_args()
    allow_descriptors(arguments.streams + 200)
    busy = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(arguments.load)]
    try:
        with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
            Path(scratch).chmod(0o711)
            state, output = Path(scratch) / "state", Path(scratch) / "up.out"
            with closing(RunningSystem(state, output, steps=100, seconds_per_step=0.2)) as system:
                system.up(seconds=600)
                return asyncio.run(run(system, arguments))
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
