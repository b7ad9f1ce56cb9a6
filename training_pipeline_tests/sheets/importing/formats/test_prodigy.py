from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, turns


def example(**more: Any) -> dict[str, Any]:
    return {
        "text": "Q?",
        "user_input": "written",
        "_input_hash": -11,
        "_task_hash": 22,
        "answer": "accept",
        "_annotator_id": "set-ann",
        "_timestamp": 1767225600,
        **more,
    }


@pytest.mark.parametrize(("answer", "status"), [("accept", "labeled"), ("reject", "rejected"), ("ignore", "unlabeled")])
def test_hashes_answer_annotator_and_time(tmp_path: Path, answer: str, status: str) -> None:
    (pair,) = pairs_of(import_rows(tmp_path, [example(answer=answer)]))
    assert turns(pair) == [("user", "Q?"), ("assistant", "written")]
    assert [pair[name] for name in ("item_ref", "pair_id", "status", "reviewed_by")] == ["-11", "22", status, "set-ann"]
    assert pair["reviewed_at"] == "2026-01-01T00:00:00+00:00"


def test_chosen_options_are_their_texts(tmp_path: Path) -> None:
    options = [{"id": 1, "text": "calm"}, {"id": 2, "text": "loud"}, {"id": "x"}]
    row = {**example(options=options, accept=[2, "x"]), "user_input": None}
    del row["user_input"]
    (pair,) = pairs_of(import_rows(tmp_path, [row]))
    assert pair["messages"][1]["content"] == "loud\nx"


def test_another_word_in_answer_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"means nothing in status: 'maybe' \(1\)"):
        import_rows(tmp_path, [example(answer="maybe")])


ANN, BO = {"_annotator_id": "ann", "_timestamp": 1}, {"_annotator_id": "bo", "_timestamp": 2}


@pytest.mark.parametrize(
    ("first", "second", "choose", "expected"),
    [
        ({}, {}, "agree", ("written", "labeled", "bo")),
        ({}, {"user_input": "other"}, "agree", ("other", "flagged", "bo")),
        ({}, {"user_input": "other"}, "ground_truth", ("other", "flagged", "bo")),
        ({}, {"user_input": "other"}, "latest", ("other", "labeled", "bo")),
        ({}, {"reply": "a field of their own"}, "agree", ("written", "flagged", "bo")),
        ({}, {"answer": "reject"}, "agree", ("written", "flagged", "ann")),
        ({}, {"answer": "reject"}, "latest", ("written", "rejected", "bo")),
        ({}, {"answer": "ignore", "user_input": None}, "agree", ("written", "labeled", "ann")),
        ({"answer": "reject"}, {"answer": "reject"}, "agree", ("written", "rejected", "bo")),
        ({"_timestamp": 3, "meta": {"score": 1}}, {"meta": {"score": 2}}, "agree", ("written", "labeled", "ann")),
    ],
)
def test_several_annotators_of_one_task_make_one_pair(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], choose: str, expected: tuple[str, str, str]
) -> None:
    between = [example(_input_hash=n, _task_hash=100 + n, text=f"q{n}") for n in range(3)]
    rows = [example(**{**ANN, **first}), *between, example(**{**BO, **second})]
    mapping = {"choose": choose, "ignore": ["reply"]}
    imported = import_rows(tmp_path, rows, mapping=mapping)
    pairs = pairs_of(imported)
    assert [pair["pair_id"] for pair in pairs] == ["100", "101", "102", "22"]
    assert (pairs[-1]["messages"][1]["content"], pairs[-1]["status"], pairs[-1]["reviewed_by"]) == expected
    tally = imported.conversion.tally
    assert (tally.rows, tally.pairs, tally.left_out) == (5, 4, {"other annotations of a task": 1})


def test_options_on_which_people_differ_are_flagged(tmp_path: Path) -> None:
    options = [{"id": 1, "text": "calm"}, {"id": 2, "text": "loud"}]
    rows = [example(**who, options=options, accept=accept) for who, accept in ((ANN, [1]), (BO, [1, 2]))]
    for row in rows:
        del row["user_input"]
    (pair,) = pairs_of(import_rows(tmp_path, rows))
    assert (pair["messages"][1]["content"], pair["status"]) == ("calm\nloud", "flagged")
