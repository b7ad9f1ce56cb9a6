from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from training_pipeline.sft.config import parse
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.model import base_model
from training_pipeline.sft.run_dir import RunDir
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.trainers.trainer_runs import Run


def load(run: Run, **settings: Any) -> base_model.Base:
    config = parse(run.config | settings)
    return base_model.load(config, RunDir(config.run_dir))


def test_a_local_model_is_loaded_in_fp32_whatever_it_is_stored_in(run: Run, tiny_folder: Path) -> None:
    stored = tiny_folder.parent / "stored"
    shutil.copytree(tiny_folder, stored, dirs_exist_ok=True)
    base = load(run, base_model=str(tiny_folder))
    base.model.to(torch.bfloat16).save_pretrained(stored)
    again = load(run, base_model=str(stored))
    assert again.model.dtype == torch.float32
    assert again.stored_dtype == torch.bfloat16
    assert again.precision == "fp32"


def test_auto_precision_is_fp32_for_a_small_model_without_a_gpu(run: Run, tiny_folder: Path) -> None:
    expected = "bf16" if torch.cuda.is_available() else "fp32"
    assert load(run, base_model=str(tiny_folder), precision="auto").precision == expected


def at_the_hub(cache: Path, folder: Path, commits: list[str]) -> None:
    """A cache of the Hub's `owner/model` with commits that differ in one weight; the last is the newest."""
    for number, commit in enumerate(commits):
        copy = cache / "models--owner--model" / "snapshots" / commit
        shutil.copytree(folder, copy)
        weights = load_file(copy / "model.safetensors")
        weights["model.norm.weight"].fill_(number)
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    refs = cache / "models--owner--model" / "refs"
    refs.mkdir()
    (refs / "main").write_text(commits[-1])


OLD, NEW = "a" * 40, "b" * 40


@pytest.mark.soak
@pytest.mark.parametrize(
    ("revision", "loaded"),
    drawn([pytest.param(OLD, (OLD, "0.0"), id="recorded"), pytest.param(None, (NEW, "1.0"), id="newest")]),
)
def test_a_model_of_the_hub_is_loaded_at_the_commit_of_the_record_and_says_so(
    run: Run, tiny_folder: Path, tmp_path: Path, revision: str | None, loaded: tuple[str, str]
) -> None:
    at_the_hub(tmp_path / "hub", tiny_folder, [OLD, NEW])
    # In a process of its own: the library reads its cache's place when it is imported.
    program = (
        "import json, sys; from pathlib import Path; from training_pipeline.sft.model import base_model;"
        "from training_pipeline.sft.config import parse; from training_pipeline.sft.run_dir import RunDir;"
        "config = parse(json.loads(sys.argv[1]));"
        "base = base_model.load(config, RunDir(config.run_dir), config.base_model_revision);"
        "print(base.revision, base.model.model.norm.weight[0].item())"
    )
    config = json.dumps(run.config | {"base_model": "owner/model", "base_model_revision": revision})
    done = subprocess.run(
        [sys.executable, "-c", program, config],
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert tuple(done.stdout.split()) == loaded, done.stderr


def test_the_files_that_were_loaded_are_told_by_their_digests(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_hub(tmp_path, tiny_folder, [NEW])
    copy = tmp_path / "models--owner--model" / "snapshots" / NEW
    (copy / "README.md").write_text("of nothing that is loaded")
    monkeypatch.setattr("transformers.utils.hub.cached_file", lambda *_, **__: str(copy / "config.json"))

    def told(base: str, source: Path) -> dict[str, str] | None:
        config = parse(run.config | {"base_model": base})
        return base_model.loaded_files(config, base_model.UnloadedModel(str(source), {}, None, None, "fp32", NEW))

    every = folder_sha256(copy)
    assert told(str(copy), copy) == every
    assert told("owner/model", Path("owner/model")) == {name: every[name] for name in every if name != "README.md"}
    assert told("builtin:tiny", copy) is None


def test_a_folder_that_is_no_model(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"no config\.json in it"):
        load(run, base_model=str(tmp_path / "nowhere"))


def test_pickled_weights_are_refused(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_folder, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(TrainingFailed, match="safetensors"):
        load(run, base_model=str(folder))


def test_a_folder_with_a_broken_configuration(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_folder, folder)
    (folder / "config.json").write_text('{"model_type": "no-such-architecture"}')
    with pytest.raises(TrainingFailed, match="cannot be loaded as a causal language model"):
        load(run, base_model=str(folder))


def test_more_tokens_than_the_model_has_positions(run: Run, tiny_folder: Path) -> None:
    with pytest.raises(TrainingFailed, match="max_length 4096 is more than the 2048 positions"):
        load(run, base_model=str(tiny_folder), max_length=4096)


def test_a_name_that_is_not_on_this_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingFailed, match="nobody/no-such-model"):
        load(run, base_model="nobody/no-such-model")


@pytest.mark.parametrize(
    ("file", "cause"),
    [("model.safetensors", "has damaged weights"), ("tokenizer.json", "cannot be loaded as a causal")],
)
def test_a_damaged_file_of_a_model_is_a_cause_that_a_person_can_mend(
    run: Run, tiny_folder: Path, tmp_path: Path, file: str, cause: str
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_folder, folder)
    (folder / file).write_text("{}" if file.endswith("json") else "no weights")
    with pytest.raises(TrainingFailed, match=cause):
        load(run, base_model=str(folder))
