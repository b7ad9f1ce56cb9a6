from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from training_pipeline.sft.config import TinySize
from training_pipeline.sft.encoding.chat_format import chat_format
from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.model import tiny
from training_pipeline.testing.trainers.trainer_runs import SMALL, Run, new_run
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built-in model before training."""
    folder = tmp_path_factory.mktemp("tiny")
    rows = write_jsonl(folder / "train.jsonl", triage_pairs(60))
    tiny.create(folder / "base", rows, TinySize(**SMALL["tiny"]), max_length=128, seed=1)
    return folder / "base"


@pytest.fixture
def tiny_tokenizer(tiny_folder: Path) -> Any:
    """Its tokenizer, to be changed at will."""
    return AutoTokenizer.from_pretrained(tiny_folder)


@pytest.fixture(scope="session")
def tiny_chat(tiny_folder: Path) -> ChatFormat:
    return chat_format(AutoTokenizer.from_pretrained(tiny_folder), "builtin:tiny")
