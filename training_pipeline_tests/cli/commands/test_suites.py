"""Suites on the command line, here and through a service."""

from __future__ import annotations

import json

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.command_line import Command


def test_a_suite_is_made_listed_shown_and_checked(
    command: Command, url: str, services: Services, done: TrainingJob
) -> None:
    """`done` was trained on the questions of this suite."""
    assert "There are no suites." in command("suites", "list")[1]
    sheet = [*rows(4, allowed_uses=["evaluation"]), *rows(1, pair_id="x", status="rejected")]
    write_sheet(services.settings.sheets, "held-out", sheet)
    code, seen, _ = command("suites", "create", "triage-1", "held-out")
    assert code == 0
    assert "5 pairs = 4 in the suite + 1 excluded" in seen
    assert "rejected  1" in seen
    for arguments in (("list",), ("show", "triage-1"), ("create", "triage-1", "held-out")):
        here = command("suites", *arguments, "--json")
        assert here == command("suites", *arguments, "--json", "--url", url)
        assert here[0] == 0
    assert json.loads(command("suites", "list", "--json")[1])["suites"][0]["pairs"] == 4
    assert "triage-1" in command("suites", "list")[1]
    assert "4 of 4 pairs may be evaluated on as they were frozen" in command("suites", "show", "triage-1")[1]
    code, seen, _ = command("suites", "check", "triage-1", done.id, "--url", url)
    assert code == 1  # nothing is left
    assert "4 pairs = 0 to evaluate + 4 refused + 0 aged" in seen
    assert f"held-out  p-0000  same_example  in {done.id}" in seen
    assert command("suites", "check", "triage-1", done.id)[:2] == (code, seen)
    assert "There is no suite" in command("suites", "show", "nobody")[2]
    assert "/name" in command("suites", "create", "No", "held-out")[2]
