"""Watching a real job, on this installation and over the live stream of its REST API."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.testing.system.command_line import Command
from training_pipeline.testing.system.driving import driver

WHERE = ("local", "remote")


@pytest.mark.parametrize("where", WHERE)
def test_a_job_that_is_over_is_watched_to_its_end_at_once(
    command: Command, url: str, services: Services, done: TrainingJob, where: str
) -> None:
    at = ["--url", url] if where == "remote" else []
    code, out, err = command("jobs", "watch", done.id, *at)
    assert (code, err) == (0, "")
    assert f"{done.id}: succeeded" in out
    assert "Succeeded." in out
    code, out, err = command("jobs", "watch", done.id, "--json", *at)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["job", *["info"] * 9, "status_change"]
    assert (code, lines[0]["data"]["id"], lines[-1]["data"]["message"]) == (0, done.id, "Succeeded.")
    assert lines[-1]["id"] == lines[-1]["data"]["id"]
    pending = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    services.store.change(pending, JobStatus.FAILED, message="No.", values={"error_message": "The disk is full."})
    code, _, err = command("jobs", "watch", pending.id, *at)
    assert (code, err) == (1, f"Error: Training job {pending.id} is failed. The disk is full.\n")
    code, _, err = command("jobs", "watch", pending.id, "--json", *at)
    assert (code, err) == (1, "")


@pytest.mark.slow
@pytest.mark.parametrize("where", WHERE)
def test_a_job_is_watched_while_it_is_trained(command: Command, url: str, services: Services, where: str) -> None:
    at = ["--url", url] if where == "remote" else []
    with driver(services) if where == "remote" else nullcontext():
        code, out, err = command("jobs", "create", "small", "--watch", "--json", *at)
    assert (code, "Traceback" in err) == (0, False)
    lines = [json.loads(line) for line in out.splitlines()]
    ids = [line["id"] for line in lines if "id" in line]
    stored = services.store.events(lines[0]["data"]["id"], newest_first=False)[0]
    assert ids == [event.id for event in stored]
    assert {line["event"] for line in lines} >= {"job", "status_change", "info"}
    seen = [line["data"]["status"] for line in lines if line["event"] == "job"]
    assert (seen[0], seen[-1]) == ("pending", "succeeded")
