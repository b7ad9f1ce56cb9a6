"""`jobs system-metrics`, here and through the API."""

from __future__ import annotations

import json

from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.testing.jobs.jobs import point
from training_pipeline.testing.system.command_line import Command
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import add_points


def test_what_the_machine_did(command: Command, url: str, done: TrainingJob, database: Database) -> None:
    assert "Not measured." in command("jobs", "system-metrics", done.id)[1]
    store = JobStore(database.engine(pooled=False))
    points = [point("system/cpu_percent", number, 10.0 + number) for number in range(40)]
    assert add_points(store, store.get(done.id), points, 99)
    code, seen, error = command("jobs", "system-metrics", done.id, "--resolution", "2")
    assert (code, error) == (0, "")
    assert "10.0 to 49.0%" in seen
    assert "2 of 40 samples" in seen
    found = [command("jobs", "system-metrics", done.id, "--json", *where)[1] for where in ((), ("--url", url))]
    assert found[0] == found[1]
    assert len(json.loads(found[0])["samples"]) == 40
