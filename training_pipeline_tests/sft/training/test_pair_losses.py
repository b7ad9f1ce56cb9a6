"""The loss of single pairs: their mean is the validation loss, and no text is written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from training_pipeline.sft.distributed.ranks import Ranks
from training_pipeline.sft.encoding.data import IGNORED, ChatFormat, Example
from training_pipeline.sft.training import pair_losses
from training_pipeline.sft.training.pair_losses import Loss, measure, write_losses
from training_pipeline.testing.trainers.triage import triage_pairs


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_folder)


@pytest.fixture
def rows(tiny_chat: ChatFormat) -> list[dict[str, list[int]]]:
    pairs: list[dict[str, Any]] = triage_pairs(7)
    examples = [Example(n, pair["messages"], [True]) for n, pair in enumerate(pairs)]
    return [{"input_ids": one.input_ids, "labels": one.labels} for one in tiny_chat.encode(examples)]


def test_losses_are_those_of_the_library_pair_by_pair(
    model: Any, tiny_chat: ChatFormat, rows: list[dict[str, list[int]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    rows[2] = {**rows[2], "labels": [IGNORED] * len(rows[2]["labels"])}
    monkeypatch.setattr(pair_losses, "_TOKENS", 200)  # several batches, with padding
    monkeypatch.setattr(pair_losses, "MOST", 6)
    written = tmp_path / "losses.jsonl"
    losses = measure(model, tiny_chat.tokenizer, rows, Ranks())
    assert write_losses(written, losses, ["p0", "p1"]) == "losses.jsonl"
    found = [json.loads(line) for line in written.read_text().splitlines()]
    assert [one["pair_id"] for one in found] == ["p0", "p1", None, None, None, None]
    for row, told in zip(rows, found, strict=False):
        assert set(told) == {"pair_id", "loss", "tokens"}
        assert told["tokens"] == sum(label != IGNORED for label in row["labels"][1:])
        if told["tokens"] == 0:
            assert told["loss"] is None
            continue
        with torch.no_grad():
            expected = model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss
        assert math.isclose(told["loss"], float(expected), rel_tol=1e-4)


def test_no_model_is_lost_where_memory_does_not_suffice(
    tiny_chat: ChatFormat, rows: list[dict[str, list[int]]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Large:
        device = "cpu"

        def eval(self) -> None:
            """As a model has it."""

        def __call__(self, **_: Any) -> Any:
            raise RuntimeError("CUDA out of memory")

    losses: list[Loss] | None = measure(Large(), tiny_chat.tokenizer, rows, Ranks())
    assert write_losses(tmp_path / "losses.jsonl", losses, []) is None
    assert not [*tmp_path.iterdir()]
    assert "not measured" in capfd.readouterr().err
    with pytest.raises(RuntimeError, match="out of memory"):  # other processes wait for this one
        measure(Large(), tiny_chat.tokenizer, rows, Ranks(count=2))
