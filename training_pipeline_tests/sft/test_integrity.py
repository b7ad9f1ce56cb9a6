from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.integrity import (
    folder_sha256,
    refuse_base_model_of_another_start,
    refuse_other_base_model,
    refuse_other_file,
)


def test_a_folder_is_its_files_but_for_hidden_ones(tmp_path: Path) -> None:
    for name in ("a", "deep/b", ".cache/c", ".d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert folder_sha256(tmp_path) == {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "deep/b")}


def test_a_base_model_with_a_file_changed_added_or_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    files = folder_sha256(tmp_path)
    refuse_other_base_model(tmp_path, files)
    refuse_other_base_model(tmp_path, None)
    for other in ({}, {**files, "b": files["a"]}, {"a": "0" * 64}):
        with pytest.raises(TrainingFailed, match="is not the model that was recorded"):
            refuse_other_base_model(tmp_path, other)


def test_a_file_is_compared_only_where_something_is_expected() -> None:
    refuse_other_file("train_file", Path("/x"), None, "f" * 64)
    refuse_other_file("train_file", Path("/x"), "f" * 64, "f" * 64)
    with pytest.raises(TrainingFailed, match=r"^train_file /x is not .* Nothing was trained on it"):
        refuse_other_file("train_file", Path("/x"), "e" * 64, "f" * 64)


def test_a_base_model_must_be_what_it_was_at_the_first_start() -> None:
    before = {"config.json": "a" * 64, "model.safetensors": "b" * 64}
    refuse_base_model_of_another_start("owner/model", None, before)
    refuse_base_model_of_another_start("owner/model", before, {**before, "vocab.json": "c" * 64})
    for found, told in (({**before, "model.safetensors": "0" * 64}, "model.safetensors"), (None, "config.json, model")):
        with pytest.raises(TrainingFailed, match=rf"owner/model is not what this training began with \(.*{told}"):
            refuse_base_model_of_another_start("owner/model", before, found)
