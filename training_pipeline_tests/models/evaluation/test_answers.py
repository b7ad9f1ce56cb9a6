"""Answers from elsewhere, scored: the numbers are those of the scorers, and no text is left."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.evaluation.answers import score_file, write_scores
from training_pipeline.models.evaluation.scores import read_scores

SECRET = "the patient's name"


def lines(path: Path, *answers: dict[str, Any] | str) -> Path:
    told = [each if isinstance(each, str) else json.dumps(each) for each in answers]
    path.write_text("\n".join(told) + "\n", encoding="utf-8")
    return path


def test_answers_become_scores_without_text(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "answers.jsonl",
        {
            "pair_id": "a",
            "expected": SECRET,
            "answer": f" {SECRET.upper()}. ",
            "logprobs": [math.log(0.5), math.log(0.125)],
            "stopped": True,
            "answer_tokens": 4,
            "classification": "restricted",
        },
        "",
        {"pair_id": "b", "expected": '{"x": 1}', "answer": '{"x": 1, "y": 2}', "choice_losses": [0.5, 0.7, 0.6]},
        {"pair_id": "c", "expected": "none"},
    )
    scores = tmp_path / "scores.parquet"
    write_scores(score_file(file), scores)
    found = read_scores(scores).to_pydict()
    assert found["pair_id"] == ["a", "b", "c"]
    assert found["exact_match"] == [0, 0, 0]
    assert found["normalised_match"] == [1, 0, 0]
    assert found["json_f1"] == [None, pytest.approx(2 / 3), None]
    assert found["choice_accuracy"] == [None, 1, None]
    assert found["token_loss"] == [pytest.approx(math.log(4)), None, None]
    assert found["bits_per_byte"] == [pytest.approx(4 / len(SECRET)), None, None]
    assert (found["stopped"], found["answer_tokens"]) == ([1, None, None], [4, None, None])
    assert found["classification"] == ["restricted", None, None]
    assert found["length"] == ["0 to 4 words"] * 3
    assert "training_sheet_id" not in found
    assert b"patient" not in scores.read_bytes().lower()


def test_every_line_that_is_none_is_named_without_what_it_says(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "answers.jsonl",
        {"pair_id": "a", "expected": "b"},
        f'{{"pair_id": "{SECRET}", ',
        {"pair_id": 7, "expected": SECRET, "thoughts": SECRET},
        {"pair_id": "c", "expected": "d", "logprobs": [0.5], "choice_losses": [1.0], "stopped": "yes"},
        f'["{SECRET}"]',
    )
    with pytest.raises(InvalidRequest) as refused:
        score_file(file)
    assert [problem.pointer for problem in refused.value.problems] == [
        "/line 2",
        "/line 3/pair_id",
        "/line 3/thoughts",
        "/line 4/stopped",
        "/line 4/logprobs/0",
        "/line 4/choice_losses",
        "/line 5",
    ]
    assert SECRET not in str(refused.value)


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refused:
        score_file(lines(tmp_path / "answers.jsonl", *["no"] * 1000))
    assert "there are 900 more problems" in str(refused.value)


def test_files_that_cannot_be_read_or_written_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        score_file(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"pair_id": "\xe4"}')
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        score_file(tmp_path / "latin.jsonl")
    empty = score_file(lines(tmp_path / "empty.jsonl"))
    assert len(empty) == 0
    with pytest.raises(InvalidRequest, match="does not exist"):
        write_scores(empty, tmp_path / "nowhere" / "scores.parquet")
