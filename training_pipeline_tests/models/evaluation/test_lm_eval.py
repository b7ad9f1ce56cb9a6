"""Samples that lm_eval logs become scores without a text; what is no sample is named, and not quoted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.evaluation.answers import write_scores
from training_pipeline.models.evaluation.lm_eval import sample_scores
from training_pipeline.models.evaluation.paired import compare
from training_pipeline.models.evaluation.scores import read_scores

TIME = "2026-11-28T23-25-28.000422"


def sample(number: int, **values: Any) -> dict[str, Any]:
    """A line as lm_eval 0.4.13 writes it."""
    asked = f"What is\u2028{number} plus 1?\x85"
    return {
        "doc_id": number,
        "doc": {"question": asked, "choices": [str(number + 1), "none"], "answer": 0},
        "target": "0",
        "arguments": {"gen_args_0": {"arg_0": asked, "arg_1": " none"}},
        "resps": [[["-11.8", "False"]], [["-12.0", "False"]]],
        "filtered_resps": [["-11.8", "False"], ["-12.0", "False"]],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": hashlib.sha256(asked.encode()).hexdigest(),
        **values,
    }


def logged(folder: Path, task: str, lines: list[Any]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"samples_{task}_{TIME}.jsonl"
    told = [line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() for line in lines]
    file.write_bytes(b"".join(line + b"\n" for line in told))
    return file


def test_two_models_are_compared_on_the_same_questions(tmp_path: Path) -> None:
    tuned = [sample(number, acc=float(number < 30)) for number in range(40)]
    base = [sample(number, acc=float(number < 38)) for number in range(39, -1, -1)]
    written = [sample(number, exact_match=1.0, filter="strict") for number in range(40)]
    stored = {}
    for name, lines in {"tuned": tuned, "base": base}.items():
        files = [logged(tmp_path / name, "general_x", lines), logged(tmp_path / name, "written", written)]
        write_scores(sample_scores(files), tmp_path / f"{name}.parquet")
        stored[name] = read_scores(tmp_path / f"{name}.parquet")
    assert set(stored["tuned"]["training_sheet_id"].to_pylist()) == {"general_x", "written strict"}
    found = {each.metric: each for each in compare(stored["tuned"], stored["base"], ["choice_accuracy", "exact_match"])}
    assert (found["choice_accuracy"].wins, found["choice_accuracy"].losses) == (0, 8)
    assert (found["exact_match"].ties, found["exact_match"].losses) == (40, 0)
    assert b"plus 1" not in (tmp_path / "tuned.parquet").read_bytes()


def test_what_is_no_sample_is_named(tmp_path: Path) -> None:
    wrong = [sample(0, acc=1.0), b"{", [], sample(1, acc=7), sample(2, doc_hash="x", acc=1.0)]
    other = tmp_path / "results.json"
    other.write_text("{}")
    with pytest.raises(InvalidRequest) as refused:
        sample_scores([logged(tmp_path, "t", wrong), other, tmp_path / f"samples_gone_{TIME}.jsonl"])
    assert [each.pointer.split("/", 2)[-1] for each in refused.value.problems] == [
        *("line 2", "line 3", "line 4", "line 5"),
        "results.json",
        f"samples_gone_{TIME}.jsonl",
    ]
    assert "plus 1" not in str([each.message for each in refused.value.problems])
    with pytest.raises(InvalidRequest) as refused:
        sample_scores([logged(tmp_path, "t", [sample(0, bleu=0.3)])])
    assert "there must be one of exact_match, acc" in refused.value.problems[0].message


@settings(max_examples=20, deadline=None)
@given(lines=st.lists(st.binary(max_size=20) | st.text(max_size=20).map(json.dumps), min_size=1, max_size=5))
def test_no_line_is_more_than_refused(lines: list[bytes | str], tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InvalidRequest):
        sample_scores([logged(tmp_path_factory.mktemp("lines"), "t", lines)])
