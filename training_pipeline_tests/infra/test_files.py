from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from training_pipeline.infra.files import end_of, new_private_file, replace_file, rotate, sha256, tail, unlike


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = os.urandom(3 << 20)
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_file_is_replaced_whole_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "a"
    replace_file(path, b"old and longer")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_new_private_file_is_new_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a"
    os.close(new_private_file(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        new_private_file(path)


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"", ""), (b"a", "a"), (b"a\nb\nc\n", "b\nc"), (b"a\n\xff\nc", "\N{REPLACEMENT CHARACTER}\nc")],
)
def test_the_tail_is_the_last_lines(tmp_path: Path, content: bytes, shown: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert tail(path, 2) == shown


def test_of_a_huge_file_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 200_000 + "\nlast\n")
    assert tail(path, 1) == "last"
    assert len(end_of(path)) == 64 * 1024


def test_no_file_has_no_end(tmp_path: Path) -> None:
    assert end_of(tmp_path / "none") == tail(tmp_path / "none", 5) == ""


def test_a_log_that_has_grown_is_moved_aside_and_whoever_writes_it_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        log.chmod(0o600)
        writer.write(b"x" * 100)
        assert not rotate(log, most=100)
        writer.write(b"y")
        assert rotate(log, most=100)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    kept = tmp_path / "server.log.1"
    assert kept.read_bytes() == b"x" * 100 + b"y"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert rotate(log, most=1)
    assert kept.read_bytes() == b"after"
    assert not rotate(tmp_path / "none", most=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["server.log", "server.log.1"]


def test_files_that_are_missing_or_other_than_expected_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "same").write_bytes(b"1")
    (tmp_path / "other").write_bytes(b"2")
    one = hashlib.sha256(b"1").hexdigest()
    assert unlike(tmp_path, {"other": one, "a/same": one, "a": one}) == [("a", False), ("other", True)]
