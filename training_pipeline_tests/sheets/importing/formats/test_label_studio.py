from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest, SheetUnreadable
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, turns


def annotation(number: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "completed_by": {"id": 7, "email": "ann@example.org"},
        "result": [{"from_name": "reply", "to_name": "t", "type": "textarea", "value": {"text": [text]}}],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": f"2026-03-09T10:{number % 60:02d}:00Z",
        **more,
    }


def task(number: int, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"text": f"Question {number}?"},
        "annotations": list(annotations),
        "predictions": [{"model_version": "m", "result": [{"value": {"text": ["guessed"]}}]}],
        "project": 1,
        **more,
    }


def test_a_task_is_a_pair_with_who_and_when(tmp_path: Path) -> None:
    rows = [task(12, annotation(34, "Yes.", ground_truth=True)), task(13), task(14, annotation(35, ""))]
    imported = import_rows(tmp_path, rows)
    (pair,) = pairs_of(imported)
    assert imported.conversion.format.name == "label-studio"
    assert turns(pair) == [("user", "Question 12?"), ("assistant", "Yes.")]
    named = ("item_ref", "pair_id", "status", "reviewed_by", "reviewed_at")
    assert [pair[name] for name in named] == ["12", "34", "labeled", "ann@example.org", "2026-03-09T10:34:00Z"]
    assert imported.conversion.tally.left_out == {"predictions": 3, "tasks without an answer": 2}
    assert not len(imported.conversion.tally.findings)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "unlabeled"),
        ({"ground_truth": True}, "labeled"),
        ({"was_cancelled": True}, "rejected"),
        ({"was_cancelled": True, "ground_truth": True}, "rejected"),
        ({"reviews": [{"accepted": True}]}, "labeled"),
        ({"reviews": [{"accepted": True}, {"accepted": False}]}, "rejected"),
        ({"reviews": [{"accepted": False}], "ground_truth": True}, "rejected"),
    ],
)
def test_what_was_decided_is_the_status(tmp_path: Path, more: dict[str, Any], status: str) -> None:
    (pair,) = pairs_of(import_rows(tmp_path, [task(1, annotation(1, "a", **more))]))
    assert pair["status"] == status


@pytest.mark.parametrize(
    ("texts", "truth", "choose", "expected"),
    [
        (["a", "a"], None, "agree", ("a", "unlabeled")),
        (["a", "b"], None, "agree", ("b", "flagged")),
        (["a", "a"], 0, "agree", ("a", "labeled")),
        (["a", "b"], 0, "agree", ("a", "flagged")),
        (["a", "b"], 0, "ground_truth", ("a", "labeled")),
        (["a", "b"], None, "ground_truth", ("b", "flagged")),
        (["a", "b"], 0, "latest", ("b", "unlabeled")),
    ],
)
def test_several_annotations(
    tmp_path: Path, texts: list[str], truth: int | None, choose: str, expected: tuple[str, str]
) -> None:
    made = [annotation(number, text, ground_truth=number == truth) for number, text in enumerate(texts)]
    imported = import_rows(tmp_path, [task(1, *made)], mapping={"choose": choose})
    (pair,) = pairs_of(imported)
    assert (pair["messages"][1]["content"], pair["status"]) == expected
    assert imported.conversion.tally.left_out["other annotations of a task"] == 1


YES, NO = {"reviews": [{"accepted": True}]}, {"reviews": [{"accepted": False}]}


@pytest.mark.parametrize(
    ("texts", "reviews", "choose", "expected"),
    [
        (["a", "b"], [YES, NO], "agree", ("a", "flagged")),
        (["a", "b"], [YES, NO], "ground_truth", ("a", "labeled")),
        (["a", "a"], [YES, NO], "agree", ("a", "flagged")),
        (["a", "a"], [YES, NO], "ground_truth", ("a", "flagged")),
        (["a", "a"], [NO, NO], "agree", ("a", "rejected")),
        (["a", "a"], [YES, {"was_cancelled": True}], "agree", ("a", "labeled")),
    ],
)
def test_one_review_is_not_outweighed_by_another(
    tmp_path: Path, texts: list[str], reviews: list[dict[str, Any]], choose: str, expected: tuple[str, str]
) -> None:
    made = [annotation(place, text, **reviews[place]) for place, text in enumerate(texts)]
    (pair,) = pairs_of(import_rows(tmp_path, [task(1, *made)], mapping={"choose": choose}))
    assert (pair["messages"][1]["content"], pair["status"]) == expected


def test_a_task_that_stands_twice_counts_once(tmp_path: Path) -> None:
    one = task(1, annotation(1, "a"))
    imported = import_rows(tmp_path, [one, task(2, annotation(2, "b")), one])
    assert [pair["item_ref"] for pair in pairs_of(imported)] == ["1", "2"]
    assert imported.conversion.tally.left_out["tasks that the file holds twice"] == 1


def test_words_may_mean_something_else_and_no_status_is_stated_over_them(tmp_path: Path) -> None:
    rows = [task(1, annotation(1, "a"))]
    (pair,) = pairs_of(import_rows(tmp_path, rows, mapping={"values": {"status": {"submitted": "labeled"}}}))
    assert pair["status"] == "labeled"
    with pytest.raises(InvalidRequest, match="--status: cannot be combined with the format's own"):
        import_rows(tmp_path, rows, status="labeled")


def test_choices_of_several_controls_are_columns(tmp_path: Path) -> None:
    result = [
        {"from_name": "mood", "type": "choices", "value": {"choices": ["calm", "clear"]}},
        {"from_name": "stars", "type": "rating", "value": {"rating": 4}},
        {"from_name": "span", "type": "labels", "value": {"start": 0, "end": 3, "text": "Que", "labels": ["X"]}},
    ]
    rows = [task(1, annotation(1, "", result=result))]
    with pytest.raises(InvalidRequest, match="which column is the answer"):
        import_rows(tmp_path, rows)
    imported = import_rows(tmp_path, rows, mapping={"columns": {"answer": "mood"}})
    assert pairs_of(imported)[0]["messages"][1]["content"] == "calm\nclear"
    assert imported.conversion.tally.unused == {"stars": 1, "annotations[].result[].labels": 1}


def test_what_belongs_to_the_question_is_not_left_aside(tmp_path: Path) -> None:
    for data in ({"text": "q", "passage": "p"}, {"text": "q", "image": "http://x/1.jpg"}):
        with pytest.raises(InvalidRequest, match="belongs to the question"):
            import_rows(tmp_path, [task(1, annotation(1, "a"), data=data)])
    columns = {"columns": {"question": ["passage", "text"]}}
    (pair,) = pairs_of(
        import_rows(tmp_path, [task(1, annotation(1, "a"), data={"text": "q", "passage": "p"})], mapping=columns)
    )
    assert pair["messages"][0]["content"] == "p\n\nq"


def test_an_export_without_annotations_makes_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(SheetUnreadable, match="none of its rows is a pair: 2 predictions, 2 tasks without an answer"):
        import_rows(tmp_path, [task(1), task(2)])
    assert not list((tmp_path / "in").iterdir())


def test_what_is_stated_names_no_reviewer_where_the_tool_has_none(tmp_path: Path) -> None:
    rows = [task(1, annotation(1, "a", completed_by=None)), task(2, annotation(2, "b"))]
    pairs = pairs_of(import_rows(tmp_path, rows, reviewed_by="somebody else", usage_reason="ours"))
    assert [pair["reviewed_by"] for pair in pairs] == [None, "ann@example.org"]
    assert {pair["usage_reason"] for pair in pairs} == {"ours"}
