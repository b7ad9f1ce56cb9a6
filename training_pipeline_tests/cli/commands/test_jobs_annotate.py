"""Notes and tags on the command line, as they were written."""

from __future__ import annotations

import json

from training_pipeline.domain.job import TrainingJob
from training_pipeline.testing.system.command_line import Command


def test_a_note_and_tags_are_written_and_listed(command: Command, done: TrainingJob, url: str) -> None:
    note = "[bold]not bold[/bold] <b>"
    code, said, error = command("jobs", "annotate", done.id, "--note", note, "--tag", "baseline", "--tag", "k:v w")
    assert (code, error) == (0, "")
    assert note in said
    assert "baseline, k:v w" in said
    assert command("jobs", "annotate", done.id, "--tag", "")[0] == 1
    more = ("--remove-tag", "baseline", "--tag", "x", "--json", "--url", url)
    code, said, _ = command("jobs", "annotate", done.id, *more)
    assert code == 0
    assert (json.loads(said)["note"], json.loads(said)["tags"]) == (note, ["k:v w", "x"])
    assert note in command("jobs", "show", done.id)[1]
    assert "k:v w, x" in command("jobs", "list", "--tag", "x")[1]
    assert "No training jobs match" in command("jobs", "list", "--tag", "baseline")[1]
    made = json.loads(command("jobs", "create", "small", "--note", "why", "--tag", "t", "--json")[1])
    assert (made["note"], made["tags"]) == ("why", ["t"])
