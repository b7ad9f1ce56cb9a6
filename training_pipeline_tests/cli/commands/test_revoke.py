"""Revoking on the command line: shown first, confirmed, and the same through a service."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from training_pipeline.cli.render.revocations import preview_of
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.schemas.revocation import RevocationPreview, UnreadDataset
from training_pipeline.schemas.uses import NotSearched
from training_pipeline.testing.system.command_line import Command

PAIR = ("--pair", "p-0003", "--sheet", "small", "--reason", "consent withdrawn")


def test_it_is_shown_confirmed_and_recorded_once(command: Command, url: str, done: TrainingJob) -> None:
    code, out, _ = command("revoke", *PAIR)
    assert code == 1, "nobody confirmed it"
    assert "It will taint" in out
    assert done.id in out
    assert "Nothing was revoked" in command("revocations")[1]
    assert "No training jobs match" in command("jobs", "list", "--tainted")[1]
    code, out, error = command("revoke", *PAIR, "--yes", "--json", "--url", url)
    assert code == 0, error
    made = json.loads(out)
    assert [taint["job_id"] for taint in made["taints"]] == [done.id]
    again = command("revoke", *PAIR, "--yes")
    assert made["id"] in again[1]
    assert "consent withdrawn" in again[1]
    assert f"It is revoked already: {made['id']}" in command("revoke", *PAIR)[1]
    assert "Nothing learned from it.\n" in command("revoke", "--label", "never", "--reason", "r")[1]
    assert "No model is tainted by it" in command("revoke", "--label", "never", "--reason", "r", "--yes")[1]
    assert done.id in command("jobs", "list", "--tainted", "--url", url)[1]
    listed = command("revocations", "--job", done.id)[1]
    assert f"{made['id']}  pair p-0003 of training sheet small" in listed
    assert "never" not in listed
    assert json.loads(command("revocations", made["id"], "--json", "--url", url)[1]) == made
    assert command("revocations", "rv-20261123-072145-9f3a2c")[0] == 1
    wrong = command("revoke", "--pair", "p-0003", "--reason", "r")
    assert wrong[0] == 1
    assert "/sheet" in wrong[2]


def test_a_text_is_hashed_here_and_revoked_as_a_question_or_an_example(
    command: Command, url: str, done: TrainingJob, tmp_path: Path
) -> None:
    dataset = required(done.data.dataset, "dataset")
    line = dataset.train_file.read_text().splitlines()[0]
    asked = json.loads(line)["messages"][0]["content"]
    for text, kind in ((line, "row_hash"), (asked.upper(), "question_hash")):
        file = tmp_path / "text"
        file.write_text(text)
        code, out, error = command("revoke", "--text-file", str(file), "--reason", "r", "--yes", "--json", "--url", url)
        assert code == 0, error
        assert asked.lower() not in (out + error).lower()
        made = json.loads(out)["revocations"]
        assert {one["kind"] for one in made} == {kind}
        assert done.id in {taint["job_id"] for one in made for taint in one["taints"]}
    assert "not both" in command("revoke", "--text-file", str(file), "--pair", "p", "--reason", "r")[2]
    whole = command("revoke", "--sheet", "small", "--reason", "r", "--yes")[1]
    assert "sheet small" in whole
    assert done.id in whole


def test_what_nobody_could_search_is_no_no() -> None:
    unsearched = NotSearched(training_sheet_id="letters", hash_key="hk-1", why="it cannot be read")
    unread = UnreadDataset(training_sheet_id="notes", dataset_digest="3b1f", why="Its manifest is gone.")
    found = RevocationPreview(
        taints=[], jobs_in_progress=[], known=None, not_searched=[unsearched], unread_datasets=[unread]
    )
    console = Console(width=200)
    with console.capture() as said:
        console.print(preview_of(found))
    assert "Not known: models of dataset 3b1f of training sheet notes. Its manifest is gone. They" in said.get()
    assert "Nothing learned from it, as far as could be searched." in said.get()
    assert "letters (hk-1): it cannot be read" in said.get()
