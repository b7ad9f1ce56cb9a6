"""The life of a job over HTTP alone, against the system as it runs, and across the death of all its processes."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from training_pipeline.testing.jobs.job_life import API, JOBS
from training_pipeline.testing.servers.served_api import Follower, Stream
from training_pipeline.testing.system.running_system import ASSETS, RunningSystem, temporary_state
from training_pipeline.testing.system.warm_python import WarmPython

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 150
EVENTS = ("status_change", "progress_update", "metric_update", "error", "info")


class Client:
    """Knows the address of the API, and nothing else."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def get(self, path: str) -> dict[str, Any]:
        """What is at a path that is there."""
        status, body = self.call("GET", path)
        assert status == 200, body
        return body

    def create(self) -> str:
        """The id of a new job."""
        status, job = self.call("POST", JOBS, {"training_sheet_id": "small", "model_name": "triage"})
        assert status == 201, job
        return str(job["id"])

    def event_ids(self, job_id: str) -> list[int]:
        """The ids of all events of a job, oldest first, read page by page."""
        ids: list[int] = []
        cursor = ""
        while True:
            page = self.get(f"{JOBS}/{job_id}/events?page_size=5{cursor}")
            ids += [event["id"] for event in page["events"]]
            if page["next_cursor"] is None:
                return ids[::-1]
            cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture
def system(tmp_path: Path, warm_python: WarmPython) -> Iterator[RunningSystem]:
    output = tmp_path / "up.out"
    with (
        temporary_state() as state,
        closing(RunningSystem(state, output, python=warm_python, steps=STEPS, seconds_per_step=0.25)) as running,
    ):
        yield running


def test_the_life_of_a_job_over_http_alone(system: RunningSystem) -> None:
    system.up()
    client = Client(int(system.environment["TRAINING_PIPELINE_API_PORT"]))

    # Create two, follow both as they happen, and look at the metrics of one while it runs.
    kept, unwanted = client.create(), client.create()
    following, cancelled = Follower(client.port, kept), Follower(client.port, unwanted)
    for follower in (following, cancelled):
        follower.until(lambda: any(job["current_step"] for job in follower.of_type("job")), "live progress")  # noqa: B023
    metrics = client.get(f"{JOBS}/{kept}/metrics")
    assert 0 < len(metrics["series"]) < STEPS
    assert metrics["train_loss"] is not None
    assert client.get(f"{JOBS}/{kept}")["status"] == "running"
    assert client.get(f"{API}/active")["total"] == 2

    # Cancel one: its stream ends, and what it told is its journal.
    status, _ = client.call("POST", f"{JOBS}/{unwanted}/cancel", {"reason": "wrong sheet"})
    assert status in {200, 202}
    cancelled.until(lambda: cancelled.of_type("end"), "the end")
    assert cancelled.of_type("end") == [{"job_id": unwanted, "status": "cancelled"}]
    assert [event["id"] for event in cancelled.of_type(*EVENTS)] == client.event_ids(unwanted)

    # Every process of the system dies and comes back; whoever follows the other job misses nothing.
    connections = following.connections
    system.kill()
    system.up()
    following.until(lambda: following.of_type("end"), "the end")
    assert following.connections > connections
    assert following.of_type("end") == [{"job_id": kept, "status": "succeeded"}]
    assert [event["id"] for event in following.of_type(*EVENTS)] == client.event_ids(kept)
    told = [event["new_status"] for event in following.of_type(*EVENTS) if event["new_status"]]
    assert told == ["pending", "queued", "running", "succeeded"]
    shown = [job["progress_percent"] for job in following.of_type("job")]
    assert shown == sorted(shown)
    assert shown[-1] == 100.0
    assert any(0 < percent < 100 for percent in shown)

    # Months later: what exactly was it trained on?
    lineage = client.get(f"{JOBS}/{kept}/lineage")
    assert (len(lineage["qa_pair_ids"]), lineage["train_pairs"], lineage["validation_pairs"]) == (40, 32, 8)
    assert (lineage["model_name"], lineage["model_version"]) == ("triage", "1")
    assert {asset["asset_key"] for asset in lineage["assets"]} == set(ASSETS)
    metrics = client.get(f"{JOBS}/{kept}/metrics")
    assert [point["step"] for point in metrics["series"]] == list(range(1, STEPS + 1))

    # Retry the cancelled one, and end the system while somebody follows it.
    assert client.call("POST", f"{JOBS}/{kept}/retry")[0] == 409
    status, again = client.call("POST", f"{JOBS}/{unwanted}/retry", {"training_config": {"epochs": 2}})
    assert (status, again["retry_of"], again["attempt"]) == (201, unwanted, 2)
    with Stream(client.port, again["id"], seconds=60) as stream:
        messages = iter(stream)
        assert [message.event for message in islice(messages, 2)] == ["job", "status_change"]
        began = time.monotonic()
        system.interrupt()
        assert "end" not in [message.event for message in messages]  # it is cut clean, to be continued
        assert time.monotonic() - began < 60
