from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from training_pipeline.domain.bucket_location import locations_in, parse_location
from training_pipeline.domain.errors import InvalidRequest, Unavailable
from training_pipeline.uploads.remote.copying import Bucket, Stat

FILE = parse_location("s3://acme/in/a.csv")


class Buckets(MemoryFileSystem):  # type: ignore[misc]
    """Buckets in memory, with ETags."""

    cachable = False
    store: dict[str, Any]
    pseudo_dirs: list[str]

    def __init__(self, files: dict[str, bytes], fails: Exception | None = None) -> None:
        super().__init__()
        self.store, self.pseudo_dirs, self.fails = {}, [""], fails
        for path, content in files.items():
            self.pipe_file(path, content)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        found: dict[str, Any] = super().info(path, **options)
        return found if found["type"] == "directory" else {**found, "ETag": f'"{hash(self.cat_file(path))}"'}


def bucket(files: dict[str, bytes], allowed: str = "s3://acme/in", most: int = 1000, **options: Any) -> Bucket:
    return Bucket(Buckets(files, **options), FILE, locations_in(allowed), most)


def test_a_file_is_copied_for_its_owner_only(tmp_path: Path) -> None:
    files = bucket({"acme/in/a.csv": b"q,a\n", "acme/in/deep/b.csv": b"1", "acme/in/c.csv": b"12"})
    copied = files.copy(FILE, tmp_path / "deep" / "x")
    assert copied == Stat(url=str(FILE), bytes=4, etag=str(hash(b"q,a\n")))
    assert (tmp_path / "deep" / "x").read_bytes() == b"q,a\n"
    assert stat.S_IMODE((tmp_path / "deep" / "x").stat().st_mode) == 0o600
    assert files.copied == 4
    assert [found.url for found in files.files_in(parse_location("s3://acme/in"))] == [
        "s3://acme/in/a.csv",
        "s3://acme/in/c.csv",
    ]
    assert files.files_in(parse_location("s3://acme/in/nothing")) == []
    assert files.stat(parse_location("s3://acme/in/deep")) is None


@pytest.mark.parametrize("name", ["s3://acme/out/a.csv", "s3://acme/in-evil/a.csv", "gs://acme/in/a.csv"])
def test_nothing_is_asked_of_what_is_not_allowed(name: str, tmp_path: Path) -> None:
    files = bucket({}, fails=AssertionError("it was asked"))
    for ask in (files.stat, files.files_in, lambda place: files.copy(place, tmp_path / "x")):
        with pytest.raises(InvalidRequest, match="below none of the prefixes"):
            ask(parse_location(name))


@pytest.mark.parametrize(
    ("home", "other"),
    [
        ("s3://acme/in/t", "gs://acme/in/a.csv"),
        ("abfss://acme@one.dfs.core.windows.net/in/t", "abfss://acme@two.dfs.core.windows.net/in/a.csv"),
        ("abfss://acme@one.dfs.core.windows.net/in/t", "az://acme/in/a.csv"),
    ],
)
def test_a_path_of_another_store_is_not_read_from_this_one(home: str, other: str, tmp_path: Path) -> None:
    """Both may be read, but the same path is another file in each."""
    made = Buckets({"acme/in/a.csv": b"of the first store"})
    files = Bucket(made, parse_location(home), locations_in(f"{home}, {other}"), 1000)
    with pytest.raises(InvalidRequest, match="lies in another store"):
        files.copy(parse_location(other), tmp_path / "a")


def test_it_ends_where_it_becomes_too_much(tmp_path: Path) -> None:
    files = bucket({"acme/in/a.csv": b"123", "acme/in/b.csv": b"1234"}, most=6)
    files.copy(FILE, tmp_path / "a")
    with pytest.raises(InvalidRequest, match="comes to more than 6 bytes"):
        files.copy(parse_location("s3://acme/in/b.csv"), tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(InvalidRequest, match="there is no such file or table"):
        files.copy(parse_location("s3://acme/in/c.csv"), tmp_path / "c")


def test_what_lies_about_its_size_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Buckets({"acme/in/a.csv": b"x" * 50})
    files = Bucket(made, FILE, locations_in("s3://acme"), 20)
    monkeypatch.setattr(made, "info", lambda path, **_: {"name": path, "type": "file", "size": 1})
    with pytest.raises(InvalidRequest, match="comes to more than 20 bytes"):
        files.copy(FILE, tmp_path / "a")


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Buckets({"acme/in/a.csv": b"old"})
    files = Bucket(made, FILE, locations_in("s3://acme"), 1000)
    really, asked = made.info, []

    def info(path: str) -> dict[str, Any]:
        asked.append(path)
        return {**really(path), "ETag": str(len(asked))}

    monkeypatch.setattr(made, "info", info)
    with pytest.raises(Unavailable, match="was changed while it was read"):
        files.copy(FILE, tmp_path / "a")


class NoCredentialsError(Exception):
    """As botocore calls it."""


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (PermissionError("AccessDenied: secret"), InvalidRequest, "may not be read with this machine's credentials"),
        (NoCredentialsError("secret"), InvalidRequest, "no valid credentials for s3://acme/in/a.csv"),
        (OSError("secret"), Unavailable, r"cannot be read \(OSError\)"),
    ],
)
def test_what_a_provider_says_is_told_without_its_words(error: Exception, raised: type[Exception], said: str) -> None:
    with pytest.raises(raised, match=said) as refused:
        bucket({}, fails=error).stat(FILE)
    assert "secret" not in str(refused.value)
