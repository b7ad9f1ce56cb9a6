from __future__ import annotations

from dataclasses import replace

import pytest

from training_pipeline.domain.comparable import Measured, Overlap, verdict

ONE = Measured("tj-1", dataset_digest="d", tokenizer="t", chat_template="c", max_length=512)
ALL = Overlap(62, 62)


def test_the_same_rows_cut_into_the_same_tokens_may_be_compared() -> None:
    found = verdict([ONE, replace(ONE, job_id="tj-2", dataset_digest="other")], ALL)
    assert (found.comparable, found.reasons) == (True, ())
    assert (found.shared_rows, found.total_rows) == (62, 62)


@pytest.mark.parametrize(
    ("change", "overlap", "comparable", "said"),
    [
        ({}, Overlap(40, 62), False, "different rows: 40 of 62"),
        ({"tokenizer": "other"}, ALL, False, "different tokenizers"),
        ({"chat_template": "other"}, ALL, False, "different chat templates"),
        ({"tokenizer": None}, ALL, None, "The tokenizer of tj-2 is not on record"),
        ({"max_length": 1024}, ALL, None, r"max_length differs (512, 1,024)"),
        ({"dataset_digest": None}, None, None, "which rows tj-2 validated on"),
        ({}, None, None, "cannot be read"),
    ],
)
def test_whatever_stands_in_the_way_is_said(
    change: dict[str, str], overlap: Overlap | None, comparable: bool | None, said: str
) -> None:
    found = verdict([ONE, replace(ONE, job_id="tj-2", **change)], overlap)
    assert found.comparable is comparable
    assert len(found.reasons) == 1
    assert said in found.reasons[0]


def test_everything_is_said_at_once_and_one_reason_is_enough() -> None:
    others = [replace(ONE, job_id=f"tj-{n}", tokenizer=None, max_length=n) for n in (2, 3)]
    found = verdict([ONE, *others], Overlap(0, 9))
    assert found.comparable is False
    assert len(found.reasons) == 3
    assert "tokenizer of tj-2 and tj-3" in found.reasons[1]
