"""`sheets show` and `preview`: of this installation, and over HTTP, without what was revoked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from training_pipeline.testing.system.command_line import Command


def test_a_revoked_pair_is_neither_counted_nor_shown_here_and_over_http(command: Command, url: str) -> None:
    def shown(*where: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(command("sheets", "show", "small", "--json", *where)[1])
        return found

    def lines(*where: str) -> list[str]:
        code, out, err = command("sheets", "preview", "small", "--limit", "100", *where)
        assert code == 0, err
        return out.splitlines()

    everything, before = lines(), shown()
    assert (len(everything), before["export_summary"]["eligible"]) == (39, 39)
    revoke = ("revoke", "--pair", "p-0003", "--sheet", "small", "--reason", "consent withdrawn", "--yes")
    assert command(*revoke)[0] == 0
    for where in ((), ("--url", url)):
        summary = shown(*where)["export_summary"]
        assert (summary["eligible"], summary["excluded"]["revoked"], summary["total"]) == (38, 1, 40)
        left = lines(*where)
        assert len(left) == 38
        assert set(left) < set(everything)
        code, out, err = command("sheets", "show", "small", *where)
        assert code == 0, err
        assert "40 pairs = 38 included + 2 excluded" in out
        assert "revoked" in out
    assert shown() == shown("--url", url)
    assert shown()["digest"] == before["digest"]


def test_show_counts_what_the_gates_let_through(command: Command, url: str) -> None:
    for where in ((), ("--url", url)):
        text = command("sheets", "show", "sheet-123", *where)[1]
        for expected in (
            "Document triage",
            "Triage questions 3",
            "contains PHI",
            "440 pairs = 310 included + 130 excluded",
        ):
            assert expected in text
    shown = json.loads(command("sheets", "show", "sheet-123", "--json")[1])
    assert (shown["export_summary"]["eligible"], len(shown["digest"])) == (310, 64)


def test_preview_prints_the_jsonl_that_would_be_trained_on(command: Command, url: str) -> None:
    lines = command("sheets", "preview", "sheet-123", "--limit", "310", "--url", url)[1].splitlines()
    assert len(lines) == 310
    assert {tuple(json.loads(line)) for line in lines} == {("messages",)}
    assert "Patient" not in "".join(lines)


@pytest.mark.usefixtures("services")
def test_what_is_not_there_is_said_with_what_is(command: Command, url: str) -> None:
    for where in ((), ("--url", url)):
        for verb in ("show", "preview"):
            code, _, err = command("sheets", verb, "nothing", *where)
            assert (code, "sheet-123" in err) == (1, True), err


def test_lifting_tells_what_each_restriction_keeps_out(command: Command, url: str) -> None:
    told = command("sheets", "lifting", "sheet-123", "--json")
    assert told == command("sheets", "lifting", "sheet-123", "--json", "--url", url)
    found = json.loads(told[1])
    (prohibited,) = [one for one in found["restrictions"] if one["name"] == "training_prohibited"]
    assert (found["eligible"], prohibited["by"], prohibited["added"] > 0) == (310, "reason", True)
    code, out, err = command("sheets", "lifting", "sheet-123")
    assert code == 0, err
    assert f"{prohibited['added']:+,}" in next(line for line in out.splitlines() if "training is prohibited" in line)
