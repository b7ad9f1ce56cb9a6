from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

from training_pipeline.sft.config import TinySize
from training_pipeline.sft.model import tiny
from training_pipeline.testing.trainers.trainer_runs import SMALL
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_pairs_and_seed_give_the_same_bytes_in_another_process(tiny_folder: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "train.jsonl", triage_pairs(60))
    code = (
        "from pathlib import Path; from training_pipeline.sft.model import tiny; "
        "from training_pipeline.sft.config import *;"
        f"tiny.create(Path({str(tmp_path / 'base')!r}), Path({str(source)!r}), TinySize(**{SMALL['tiny']!r}),"
        " max_length=128, seed=1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert digests(tmp_path / "base") == digests(tiny_folder)


def test_another_seed_gives_other_weights_and_creating_again_changes_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "train.jsonl", triage_pairs(60))
    for seed in (2, 3):
        tiny.create(tmp_path / "base", source, TinySize(**SMALL["tiny"]), max_length=4096, seed=seed)
        if seed == 2:
            first = digests(tmp_path / "base")
    assert digests(tmp_path / "base") == first
    here, there = digests(tiny_folder), first
    assert here["model.safetensors"] != there["model.safetensors"]
    assert here["tokenizer.json"] == there["tokenizer.json"]
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "base").config.max_position_embeddings == 4096


def test_any_text_survives_the_tokenizer(tiny_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    for text in ("Ärger  mit\tTabs\n\n", "1234.5 €", "日本語 🙂", "a , b ' s n't"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer("1234")["input_ids"]) == 4


def test_its_size_is_known_before_it_is_made(tiny_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    made = TinySize(**{**SMALL["tiny"], "vocab_size": model.config.vocab_size})
    assert made.parameters == model.num_parameters()
