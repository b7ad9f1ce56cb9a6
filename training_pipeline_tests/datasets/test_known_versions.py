from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.known_versions import KnownVersions
from training_pipeline.domain.errors import NotFound, SheetChanged
from training_pipeline.sheets.files import source as files
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.sheets.unstamped import Unstamped


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as old: what a test writes is seconds old at most."""
    monkeypatch.setattr(files, "SETTLED_NS", -(10**15))


@pytest.fixture
def sheets(tmp_path: Path) -> FileTrainingSheets:
    write_sheet(tmp_path / "sheets", "small", rows(12))
    return FileTrainingSheets([tmp_path / "sheets"])


def opened(versions: KnownVersions) -> str:
    with versions.open("small") as found:
        return found.digest


def known(versions: KnownVersions) -> str | None:
    at = versions.look("small")
    assert at is not None
    return at.digest


@pytest.mark.usefixtures("settled")
def test_a_version_that_was_read_once_is_known_to_every_process(sheets: FileTrainingSheets, tmp_path: Path) -> None:
    versions = KnownVersions(sheets, tmp_path / "kept")
    assert known(versions) is None
    digest = opened(versions)
    again = KnownVersions(sheets, tmp_path / "kept")
    assert known(again) == digest
    at = again.look("small")
    assert at is not None
    assert at.sheet == sheets.get("small")
    (file,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("half of a dig")
    assert known(again) is None


@pytest.mark.usefixtures("settled")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(st.data())
def test_what_is_known_is_what_reading_finds(sheets: FileTrainingSheets, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is done to the files, and though their size and their time are made what they were."""
    versions = KnownVersions(sheets, tmp_path / "kept")
    opened(versions)
    pairs, head = tmp_path / "sheets" / "small.jsonl", tmp_path / "sheets" / "small.yaml"
    for change in data.draw(st.lists(st.sampled_from(["pairs", "head", "touch", "replace", "nothing"]), max_size=3)):
        was = pairs.stat()
        if change == "pairs":
            content = pairs.read_bytes()
            pairs.write_bytes(content.replace(b"queue 1", b"queue 2") if b"queue 1" in content else content)
            os.utime(pairs, ns=(was.st_atime_ns, was.st_mtime_ns))
        elif change == "head":
            head.write_bytes(head.read_bytes() + b"# read\n")
        elif change == "touch":
            os.utime(pairs)
        elif change == "replace":
            copy = pairs.with_suffix(".copy")
            copy.write_bytes(pairs.read_bytes().replace(b"queue 3", b"queue 4"))
            os.utime(copy, ns=(was.st_atime_ns, was.st_mtime_ns))
            copy.replace(pairs)
        at = known(versions)
        with sheets.open("small") as found:
            assert at in {None, found.digest}
        assert opened(versions) == known(versions)


def test_a_file_that_was_changed_just_now_is_not_trusted(sheets: FileTrainingSheets, tmp_path: Path) -> None:
    """Whatever changes it within one tick of the clock leaves its stamp as it is."""
    versions = KnownVersions(sheets, tmp_path / "kept")
    opened(versions)
    assert known(versions) is None
    assert not (tmp_path / "kept").exists()


@pytest.mark.usefixtures("settled")
def test_nothing_is_known_of_a_sheet_that_changes_while_it_is_open(sheets: FileTrainingSheets, tmp_path: Path) -> None:
    versions = KnownVersions(sheets, tmp_path / "kept")
    with pytest.raises(SheetChanged), versions.open("small"):
        write_sheet(tmp_path / "sheets", "small", rows(11))
    assert known(versions) is None


@pytest.mark.usefixtures("settled")
def test_what_cannot_be_kept_stops_nobody(sheets: FileTrainingSheets, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no directory")
    versions = KnownVersions(sheets, tmp_path / "kept")
    assert len(opened(versions)) == 64
    assert known(versions) is None


@pytest.mark.usefixtures("settled")
def test_only_so_many_are_kept(sheets: FileTrainingSheets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_pipeline.datasets.known_versions.MOST_KEPT", 2)
    for count in range(3, 7):
        write_sheet(tmp_path / "sheets", "small", rows(count))
        opened(KnownVersions(sheets, tmp_path / "kept"))
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_source_without_stamps_and_a_sheet_that_is_not_there(sheets: FileTrainingSheets, tmp_path: Path) -> None:
    assert KnownVersions(Unstamped(sheets), tmp_path / "kept").look("small") is None
    assert len(opened(KnownVersions(Unstamped(sheets), tmp_path / "kept"))) == 64
    for versions in (KnownVersions(sheets, tmp_path), KnownVersions(replace(sheets, directories=[]), tmp_path)):
        with pytest.raises(NotFound):
            versions.look("none")
