from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from training_pipeline.infra.json_file import LARGEST, BrokenFile, read_json, write_json


def test_what_is_written_is_read_and_is_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"text": "é", "n": 1.5})
    write_json(path, {"text": "ü"})
    assert read_json(path) == {"text": "ü"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None


@pytest.mark.parametrize("text", ["{", "[]", "", "\xff", "[" * 100_000, '{"a":%s}' % ("9" * 5000)])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BrokenFile, match=r"a\.json"):
        read_json(path)


def test_what_is_no_file_is_neither_waited_for_nor_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", LARGEST + 1)
    for name, said in (("pipe", "a named pipe"), ("device", "a device"), ("large", "larger than 64 MiB")):
        with pytest.raises(BrokenFile, match=f"{name} is {said}"):
            read_json(tmp_path / name)


def test_a_full_disk_keeps_the_old_file_and_leaves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": True})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"old": False})
    assert read_json(path) == {"old": True}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
