"""`sheets edit`, `edits` and `undo`: of this installation, and over HTTP."""

from __future__ import annotations

import json

from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.imports import import_rows
from training_pipeline.testing.system.command_line import Command


def test_pairs_are_edited_and_undone(command: Command, url: str, settings: Settings) -> None:
    rows = [{"question": f"Which desk takes case {number}?", "answer": f"desk {number}"} for number in range(4)]
    import_rows(settings.state_dir, rows, into=settings.sheets, id="desks", status="unlabeled")
    first, second = "desks-000001", "desks-000002"
    code, out, err = command("sheets", "edit", "desks", first, second, "--status", "labeled", "--url", url)
    assert code == 0, err
    assert "Edit 1: 2 pairs." in out
    assert f"{second}: status unlabeled to labeled" in out
    made = json.loads(command("sheets", "edit", "desks", first, "--allow-none", "--prohibit", "training", "--json")[1])
    after = made["edited"][0]["after"]
    assert (after["allowed_uses"], after["prohibited_uses"], after["status"]) == ([], ["training"], "labeled")
    stale = command("sheets", "edit", "desks", first, "--status", "flagged", "--digest", made["old_digest"])
    assert stale[0] == 1
    assert "allowed uses training, validation to none" in stale[2]
    assert "Edit 3 undid edit 2: 1 pair." in command("sheets", "undo", "desks", "2", "--url", url)[1]

    here = command("sheets", "edits", "desks")
    assert here == command("sheets", "edits", "desks", "--url", url)
    assert "undone by" in here[1]
    of_one = json.loads(command("sheets", "edits", "desks", "--pair", second, "--json")[1])
    assert [edit["number"] for edit in of_one["edits"]] == [1]

    code, _, err = command("sheets", "edit", "small", "p-0001", "--status", "rejected", "--url", url)
    assert (code, "small.jsonl" in err) == (1, True)
    assert "No edits yet." in command("sheets", "edits", "small")[1]


def test_a_sheet_is_taken_over_here_and_over_http(command: Command, url: str) -> None:
    code, out, err = command("sheets", "take-over", "small", "--url", url)
    assert (code, "Training sheet small is reviewed here now, as version" in out) == (0, True), err
    assert command("sheets", "take-over", "small", "--json")[0] == 0  # it is ours already
    code, out, err = command("sheets", "edit", "small", "p-0001", "--status", "rejected")
    assert (code, "1 pair" in out) == (0, True), err
