"""Files of scores: read as they are, refused with everything that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.evaluation.scores import keys_of, metrics_in, pairs_digest, read_scores, values_of
from training_pipeline.testing.models.score_files import scores, written


def problems(path: Path) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read_scores(path)
    return {problem.pointer: problem.code for problem in refused.value.problems}


def test_scores_are_read_as_numbers_and_other_columns_left_out(tmp_path: Path) -> None:
    table = pa.table(
        {
            "pair_id": pa.array(["a", "b", "c"], pa.large_string()),
            "exact_match": [True, False, None],
            "answer_tokens": pa.array([3, 4, 5], pa.int32()),
            "classification": pa.array(["public", None, "public"]).dictionary_encode(),
            "answer": ["a text", "that is", "not read"],
            "not_judged": [None, None, "slow"],
        }
    )
    found = read_scores(written(tmp_path / "scores.parquet", table))
    assert found.column_names == ["pair_id", "exact_match", "answer_tokens", "classification", "not_judged"]
    assert list(metrics_in(found)) == ["exact_match", "answer_tokens"]
    assert np.array_equal(values_of(found, "exact_match"), [1, 0, np.nan], equal_nan=True)
    assert values_of(found, "answer_tokens").tolist() == [3, 4, 5]
    assert found["classification"].to_pylist() == ["public", None, "public"]


def test_a_pair_of_two_sheets_is_two_pairs(tmp_path: Path) -> None:
    table = pa.table({"pair_id": ["a", "a"], "training_sheet_id": ["one", "two"], "rouge_l": [0.5, 1.0]})
    assert keys_of(read_scores(written(tmp_path / "scores.parquet", table))) == ["training_sheet_id", "pair_id"]
    assert problems(written(tmp_path / "alone.parquet", table.drop_columns("training_sheet_id"))) == {
        "/pair_id": "ambiguous"
    }


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"rouge_l": [0.5]}, {"/pair_id": "missing"}),
        ({"pair_id": [7], "rouge_l": [0.5]}, {"/pair_id": "wrong_type"}),
        ({"pair_id": [None], "rouge_l": [0.5]}, {"/pair_id": "wrong_type"}),
        ({"pair_id": ["a", None], "rouge_l": [0.5, 0.5]}, {"/pair_id": "missing"}),
        ({"pair_id": ["a"]}, {"": "no_metric"}),
        (
            {"pair_id": ["a"], "rouge_l": [1.5], "exact_match": [0.5], "json_f1": ["1"], "token_loss": [float("inf")]},
            {
                "/rouge_l": "out_of_bounds",
                "/exact_match": "no_proportion",
                "/json_f1": "wrong_type",
                "/token_loss": "not_finite",
            },
        ),
        ({"pair_id": ["a"], "classification": [3], "rouge_l": [-1]}, None),
    ],
)
def test_everything_wrong_is_said_at_once(
    tmp_path: Path, columns: dict[str, list[Any]], told: dict[str, str] | None
) -> None:
    path = written(tmp_path / "scores.parquet", pa.table(columns))
    assert problems(path) == (told or {"/classification": "wrong_type", "/rouge_l": "out_of_bounds"})


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("not scores, but a text")
    for name, said in [("text.parquet", "it is not a Parquet file"), ("none.parquet", "No such file")]:
        with pytest.raises(InvalidRequest, match=said) as refused:
            read_scores(tmp_path / name)
        assert "a text" not in str(refused.value)


def test_a_metric_that_applies_to_no_pair_is_sound(tmp_path: Path) -> None:
    found = read_scores(written(tmp_path / "scores.parquet", scores(2, json_f1=[None, None], exact_match=[1, 0])))
    assert found["json_f1"].null_count == 2


def test_scores_of_the_same_pairs_have_one_digest() -> None:
    table = scores(5, exact_match=[1.0] * 5, training_sheet_id=["s"] * 5)
    same = table.take(pa.array([3, 1, 0, 4, 2])).drop_columns("exact_match")
    assert pairs_digest(table) == pairs_digest(same)
    others = (table.slice(1), table.drop_columns("training_sheet_id"))
    assert len({pairs_digest(one) for one in (table, *others)}) == 3
