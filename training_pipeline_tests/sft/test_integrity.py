from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.integrity import (
    folder_sha256,
    refuse_base_model_of_another_start,
    refuse_other_base_model,
    refuse_other_file,
    unchanged,
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


def swapped(link: Path, there: Path) -> None:
    """Have a link lead elsewhere, and then where it led before."""
    before = link.readlink()
    for target in (there, before):
        (link.parent / "new").symlink_to(target)
        (link.parent / "new").replace(link)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A link to a link to a folder in which a file is a link to a link."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "blob").write_text(name)
    (tmp_path / "ours" / "between").symlink_to("blob")
    (tmp_path / "ours" / "weights").symlink_to("../ours/between")
    (tmp_path / "second").symlink_to("ours")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    return tmp_path / "first"


def rewritten(path: Path, text: str) -> None:
    before = path.read_text()
    path.write_text(text)
    path.write_text(before)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: swapped(folder / "first", folder / "theirs"),
        lambda folder: swapped(folder / "second", folder / "theirs"),
        lambda folder: swapped(folder / "ours" / "weights", folder / "theirs" / "blob"),
        lambda folder: swapped(folder / "ours" / "between", folder / "theirs" / "blob"),
        lambda folder: rewritten(folder / "ours" / "blob", "theirs"),
        lambda folder: (folder / "ours" / "more").write_text(""),
        lambda folder: (folder / "ours" / "blob").unlink(),
    ],
)
def test_what_is_exchanged_between_hashing_and_loading_is_noticed_though_it_is_put_back(
    linked: Path, change: Callable[[Path], object]
) -> None:
    with pytest.raises(TrainingFailed, match="was changed while") as refused, unchanged("base_model", linked):
        change(linked.parent)
    assert not refused.value.recurs


def test_what_happens_beside_a_folder_changes_nothing_in_it(linked: Path) -> None:
    with unchanged("base_model", linked):
        (linked.parent / "neighbour").mkdir()
        (linked.parent / "theirs" / "blob").write_text("other")
        assert (linked / "weights").read_text() == "ours"
    with unchanged("base_model", linked / "none"):
        pass
