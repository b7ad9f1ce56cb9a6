from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.testing.imports import import_rows, pairs_of, turns


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
