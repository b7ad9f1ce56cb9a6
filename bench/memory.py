"""Whether the memory of the REST API grows with the requests it has answered.

    python bench/memory.py [--requests 100000] [--connections 16] [--pages]

Starts `training-pipeline serve` on a database of its own with a hundred jobs, and asks in turn for the list, a job, its
events and metrics and the training sheets, and for what is not there; with `--pages` for the TRAIN page alone, of
which the server keeps what it rendered for a while. Prints its memory after each tenth of the requests, and what
it grew by for each 1,000 requests in the second half, when all caches are warm.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from streams import COMMAND, PORT, active_jobs, serving

from training_pipeline.app.container import open_services
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.training_jobs.store.events import EventType

API = "/api/v1/training"


def paths(jobs: list[str], *, pages: bool) -> list[str]:
    """What is asked for, in turn."""
    if pages:
        return ["/train"]
    found = []
    for number, job_id in enumerate(jobs):
        found += [
            f"{API}/jobs?page_size=20&page={number % 5 + 1}",
            f"{API}/jobs/{job_id}",
            f"{API}/jobs/{job_id}/events",
            f"{API}/jobs/{job_id}/metrics",
            f"{API}/active",
            f"{API}/training-sheets",
            f"{API}/jobs/none-{number}",
        ]
    return found


async def ask(asked: list[str], numbers: asyncio.Queue[int]) -> None:
    """Ask for one path after the other on one connection, until no number is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    while not numbers.empty():
        path = asked[numbers.get_nowait() % len(asked)]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "content-length: " in head:
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        else:
            while await reader.readuntil(b"\r\n") != b"0\r\n":
                continue
            await reader.readuntil(b"\r\n")
    writer.close()


async def measure(server: psutil.Process, asked: list[str], requests: int, connections: int) -> list[float]:
    """The server's megabytes after each tenth of the requests."""
    megabytes = []
    for tenth in range(10):
        numbers: asyncio.Queue[int] = asyncio.Queue()
        for number in range(requests // 10):
            numbers.put_nowait(tenth * (requests // 10) + number)
        began = time.monotonic()
        await asyncio.gather(*(ask(asked, numbers) for _ in range(connections)))
        await asyncio.sleep(1)
        megabytes.append(server.memory_info().rss / 2**20)
        rate = requests / 10 / (time.monotonic() - began)
        print(f"{(tenth + 1) * requests // 10:7} requests  {megabytes[-1]:7.1f} MB  {rate:5.0f} a second", flush=True)
    return megabytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--pages", action="store_true", help="ask for the TRAIN page alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        settings = Settings(state_dir=Path(scratch) / "state")
        environment = {
            **os.environ,
            "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
            "TRAINING_PIPELINE_API_PORT": str(PORT),
            "TRAINING_PIPELINE_API_REQUESTS_PER_SECOND": "1000000",
        }
        subprocess.run([*COMMAND, "env"], env=environment, check=True, capture_output=True)  # migrates
        try:
            write_sheet(settings.sheets, "small", rows(40))
            services = open_services(settings)
            jobs = active_jobs(services, 100)
            for job_id in jobs:
                for number in range(20):
                    services.store.record(job_id, EventType.INFO, f"event {number}")
            services.store.engine.dispose()
            server = serving(environment)
            try:
                began = psutil.Process(server.pid).memory_info().rss / 2**20
                print(f"      0 requests  {began:7.1f} MB", flush=True)
                found = asyncio.run(
                    measure(
                        psutil.Process(server.pid),
                        paths(jobs, pages=arguments.pages),
                        arguments.requests,
                        arguments.connections,
                    )
                )
            finally:
                server.terminate()
                server.wait(30)
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)
    half = found[4:]
    slope = statistics.linear_regression(range(len(half)), half).slope
    print(f"grown by {found[-1] - began:.1f} MB in all, {found[-1] - found[4]:.1f} MB in the second half:")
    print(f"{slope * 1024 / (arguments.requests / 10 / 1000):.1f} KB for each 1,000 requests")


if __name__ == "__main__":
    main()
