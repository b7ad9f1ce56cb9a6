"""Scores on the command line: figures for people and programs, and exit codes that say whether to ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_pipeline.testing.models.score_files import right, scores, written
from training_pipeline.testing.system.command_line import Command


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Scores of a good model and of a bad one, and of one that answered few questions."""
    kinds = ["public"] * 300 + ["internal"] * 100
    made = {
        "good": scores(400, exact_match=right(400, 0.9), classification=kinds),
        "bad": scores(400, exact_match=right(400, 0.5), classification=kinds),
        "few": scores(20, exact_match=right(20, 0.9)),
        "text": scores(1, exact_match=[1.0]).drop_columns("pair_id"),
    }
    return {name: str(written(tmp_path / f"{name}.parquet", table)) for name, table in made.items()}


def test_figures_are_shown_with_their_intervals(command: Command, files: dict[str, str]) -> None:
    code, seen, _ = command("scores", "show", files["good"])
    assert code == 0
    assert [line.split() for line in seen.splitlines()[1:]] == [
        ["exact_match", "all", "0.9", "0.8667", "to", "0.9257", "400"],
        ["exact_match", "classification=internal", "0.9", "0.8256", "to", "0.9448", "100"],
        ["exact_match", "classification=public", "0.9", "0.8608", "to", "0.9291", "300"],
    ]
    found = json.loads(command("scores", "show", files["good"], "--json", "--level", "0.9")[1])["figures"]
    assert (found[0]["of"], found[0]["value"]["n"], found[0]["value"]["level"]) == (None, 400, 0.9)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("new", "held", "code", "verdict"),
    [
        ("good", None, 0, "ship"),
        ("good", "bad", 0, "ship"),
        ("bad", "good", 2, "do not ship"),
        ("few", "good", 3, "not enough evidence"),
    ],
)
def test_the_exit_code_says_whether_to_ship(
    command: Command, files: dict[str, str], new: str, held: str | None, code: int, verdict: str
) -> None:
    arguments = [files[new], "--margin", "exact_match=0.05", "--threshold", "exact_match=0.6"]
    arguments += ["--over", files[held]] if held else []
    done, seen, _ = command("scores", "judge", *arguments)
    assert (done, seen.splitlines()[0]) == (code, verdict)
    assert ("pairs more would settle it" in seen) == (code == 3)
    shown = json.loads(command("scores", "judge", *arguments, "--json")[1])
    assert shown["verdict"] == verdict
    assert all(finding["reason"] for finding in shown["findings"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--margin", "exact_match"], "/margins/exact_match: must be given once"),
        (["--margin", "rouge_l=0", "--margin", "rouge_l=1"], "/margins/rouge_l: must be given once"),
        (["--margin", "exact_match=much", "--min-pairs", "1"], "/min_pairs"),
        (["--margin", "taste=1"], "is not a metric to compare by; use exact_match"),
    ],
)
def test_what_is_wrong_with_a_gate_is_said(
    command: Command, files: dict[str, str], given: list[str], told: str
) -> None:
    code, _, error = command("scores", "judge", files["good"], *given)
    assert code == 1
    assert "The gate is invalid." in error
    assert told in error


def test_what_is_wrong_with_a_file_is_said(command: Command, files: dict[str, str]) -> None:
    code, _, error = command("scores", "show", files["text"])
    assert code == 1
    assert "/pair_id: must be there" in error
    assert command("scores", "show", files["good"], "--level", "2")[0] == 2


def test_answers_are_scored_into_a_file_that_is_judged(command: Command, tmp_path: Path) -> None:
    answers, output = tmp_path / "answers.jsonl", str(tmp_path / "scores.parquet")
    lines = [{"pair_id": f"p-{number}", "expected": "Graz", "answer": "graz."} for number in range(40)]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, seen, _ = command("scores", "make", str(answers), "--output", output)
    assert (code, seen) == (0, "40 answers were scored: exact_match, normalised_match, rouge_l.\n")
    assert command("scores", "judge", output, "--margin", "normalised_match=0.1")[0] == 0
    assert command("scores", "judge", output, "--margin", "rouge_l=0", "--threshold", "exact_match=0.5")[0] == 2
