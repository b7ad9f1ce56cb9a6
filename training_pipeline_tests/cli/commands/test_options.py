from __future__ import annotations

import sys

import pytest

from training_pipeline.cli.commands.options import console
from training_pipeline.testing.system.command_line import Command


@pytest.mark.parametrize("job_id", ["../../etc", "tj 1", "x" * 65, "tj-1;drop"])
def test_what_cannot_be_an_id_is_no_job_and_is_asked_nowhere(command: Command, job_id: str) -> None:
    code, out, err = command("jobs", "show", job_id)  # there is no database that it could be asked for
    assert (code, out) == (1, "")
    assert "There is no training job" in err
    assert "training-pipeline jobs list" in err


def test_where_output_is_closed_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    console().print("nobody reads it")


def test_where_output_is_no_terminal_lines_are_wide(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"
