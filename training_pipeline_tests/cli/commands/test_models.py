"""Model versions on the command line, here and through a service: the same answers, and an exit code for `verify`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.cli.commands.models import CODES
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import Check, Cleanness, Outcome, verdict
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.testing.system.command_line import Command

URL = "https://models.example.org/triage"


def both(command: Command, url: str, *arguments: str, code: int = 0) -> Any:
    """What the command prints here, having seen that it prints the same through the service."""
    here, there = command("models", *arguments), command("models", *arguments, "--url", url)
    said = re.sub(r"\nRequest id: \S+", "", there[2])
    assert here == (there[0], there[1], said)
    assert here[0] == code, here
    return here[1] or here[2]


def test_list_show_and_serve(command: Command, url: str, done: TrainingJob) -> None:
    listed = both(command, url, "list", "--name", "triage")
    assert all(word in listed for word in ("triage", done.id, "registered", "small"))
    assert json.loads(both(command, url, "list", "--json"))["total"] == 1
    assert json.loads(both(command, url, "list", "--state", "tainted", "--json"))["model_versions"] == []
    assert command("models", "endpoint", "triage", "2", "--add", URL)[0] == 0
    shown = both(command, url, "show", "triage", "2")
    for word in (done.id, "grace 39", "sam 39", "not registered here", URL, "model.safetensors", "0" * 64, "unknown: "):
        assert word in shown, word
    assert json.loads(both(command, url, "show", "triage", "2", "--json"))["job_id"] == done.id
    code, removed, _ = command("models", "endpoint", "triage", "2", "--remove", URL)
    assert (code, "removed by" in removed) == (0, True)
    assert "None is recorded" in both(command, url, "endpoint", "triage", "2", "--remove", URL, code=1)
    assert "Nearest: triage" in both(command, url, "show", "triag", "2", code=1)
    assert command("models", "endpoint", "triage", "2")[0] == 2
    assert command("models", "endpoint", "triage", "2", "--add", "a", "--remove", "b")[0] == 2


def test_a_tainted_version_is_retrained_once(command: Command, url: str, services: Services, done: TrainingJob) -> None:
    assert "not tainted" in both(command, url, "retrain", "triage", "2", code=1)
    asked = Revoked(kind="item", value="item-0007")
    services.revocations.revoke(asked, reason="consent withdrawn", actor="grace")
    assert "models retrain triage 2" in both(command, url, "show", "triage", "2")
    made = json.loads(command("models", "retrain", "triage", "2", "--json")[1])
    assert made["id"] != done.id
    assert made["id"] in command("models", "retrain", "triage", "2", "--url", url)[1]
    assert made["id"] in both(command, url, "show", "triage", "2")


def test_the_exit_code_says_whether_it_is_clean(
    command: Command, url: str, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for outcome in Outcome:
        checks = (
            Check(name="rows", outcome=Outcome.PASS, message="All rows."),
            Check(name="files", outcome=outcome, message=f"Files: {outcome}."),
        )
        monkeypatch.setattr(ModelVersions, "verify", lambda *_, checks=checks: checks)
        seen = both(command, url, "verify", "triage", "2", code=CODES[verdict(checks)])
        assert "All rows." in seen
        assert f"Files: {outcome}." in seen
        found = json.loads(both(command, url, "verify", "triage", "2", "--json", code=CODES[verdict(checks)]))
        assert found["verdict"] == verdict(checks)
    assert CODES == {Cleanness.CLEAN: 0, Cleanness.NOT_CLEAN: 2, Cleanness.UNKNOWN: 3}
