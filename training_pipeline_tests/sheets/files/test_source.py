from __future__ import annotations

import hashlib
import os
from pathlib import Path

import duckdb
import pytest

from training_pipeline.domain.errors import NotFound, SheetChanged, SheetUnreadable, Unavailable
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets
from training_pipeline.testing.sheet_files import HEAD, ROW, Put


def test_open_yields_exactly_the_pair_schema(put: Put, sheets: FileTrainingSheets) -> None:
    put([ROW])
    with sheets.open("s") as opened:
        assert opened.pairs.schema() == PAIR_SCHEMA
        assert opened.pairs.count().to_pyarrow().as_py() == 1
        assert opened.sheet.status is SheetStatus.APPROVED
        assert opened.sheet.source_sheet.version == "7"


def test_the_connection_is_set_up_and_closed(put: Put, tmp_path: Path) -> None:
    put([ROW])
    source = FileTrainingSheets([tmp_path], memory_limit="300MB", threads=2, temp_directory=tmp_path / "spill")
    with source.open("s") as opened:
        connection = opened.pairs.get_backend().con
        settings = "current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
        assert connection.execute(f"SELECT {settings}").fetchone() == ("286.1 MiB", 2, str(tmp_path / "spill"))
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_the_digest_is_that_of_both_files(put: Put, sheets: FileTrainingSheets) -> None:
    path = put([ROW])
    head = HEAD.encode()
    expected = hashlib.sha256(len(head).to_bytes(8, "big") + head + path.read_bytes()).hexdigest()
    digests = []
    for content, text in (([ROW], HEAD), ([ROW], HEAD + "owner: x\n"), ([ROW, ROW | {"pair_id": "p2"}], HEAD)):
        put(content, head=text)
        with sheets.open("s") as opened:
            digests.append(opened.digest)
    assert digests[0] == expected
    assert len(set(digests)) == 3


def test_the_first_directory_wins(tmp_path: Path, put: Put) -> None:
    put([ROW], name="sheet-123")
    mine, sample = FileTrainingSheets([tmp_path, SAMPLES]), FileTrainingSheets([tmp_path / "nowhere", SAMPLES])
    assert mine.get("sheet-123").name == "Triage"
    assert sample.get("sheet-123").name == "Document triage"
    assert [sheet.id for sheet in mine.list()] == ["sheet-123"]


def test_one_broken_head_does_not_hide_the_others(
    put: Put, sheets: FileTrainingSheets, caplog: pytest.LogCaptureFixture
) -> None:
    put([ROW])
    put([ROW], name="broken", head="name: x")
    assert [sheet.id for sheet in sheets.list()] == ["s"]
    assert list(sheets.unreadable()) == ["broken"]
    assert "broken" in caplog.text


@pytest.mark.parametrize("sheet_id", ["nothing", "../s", "", "a/b"])
def test_not_found_names_what_there_is(put: Put, sheets: FileTrainingSheets, sheet_id: str) -> None:
    put([ROW])
    with pytest.raises(NotFound, match="There are: s"):
        sheets.get(sheet_id)


def test_pairs_without_a_head(put: Put, sheets: FileTrainingSheets) -> None:
    put([ROW]).with_suffix(".yaml").unlink()
    with pytest.raises(NotFound, match=r"has no s\.yaml beside it.*import"), sheets.open("s"):
        pass


def test_a_head_without_pairs_or_with_too_many(put: Put, sheets: FileTrainingSheets) -> None:
    put([ROW]).unlink()
    with pytest.raises(SheetUnreadable, match=r"expected s\.jsonl or s\.parquet or s\.csv"), sheets.open("s"):
        pass
    put([ROW])
    put("x", ".csv")
    with pytest.raises(SheetUnreadable, match=r"s\.jsonl, s\.csv beside it"), sheets.open("s"):
        pass


def test_a_change_while_reading_is_noticed(put: Put, sheets: FileTrainingSheets) -> None:
    path = put([ROW])
    with pytest.raises(SheetChanged, match="changed while it was read"), sheets.open("s"):
        os.utime(path, ns=(1, 1))


def test_a_change_that_leaves_size_and_time_as_they_were_is_noticed(put: Put, sheets: FileTrainingSheets) -> None:
    path = put([ROW])
    before = path.stat()
    with pytest.raises(SheetChanged), sheets.open("s"):  # noqa: PT012
        path.write_bytes(path.read_bytes().swapcase())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("content", ['{"pair_id": secret\n', "", None])
def test_whatever_comes_of_a_change_while_reading_it_is_the_change_that_is_told(
    put: Put, sheets: FileTrainingSheets, content: str | None
) -> None:
    """Half a file, as somebody is just writing it: it is no fault of the sheet."""
    path = put([ROW])
    with pytest.raises(SheetChanged), sheets.open("s") as opened:  # noqa: PT012
        path.unlink() if content is None else path.write_text(content)
        opened.pairs.to_pyarrow()


def test_of_what_the_engine_says_only_the_kind_is_told(put: Put, sheets: FileTrainingSheets) -> None:
    """Its messages may quote the text of the pairs."""
    put([ROW])
    with pytest.raises(Unavailable, match="ConversionException") as caught, sheets.open("s") as opened:
        opened.pairs.get_backend().con.execute("SELECT CAST('the text of a pair' AS INTEGER)")
    assert "the text of a pair" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_directories_may_look_like_patterns(tmp_path: Path, put: Put) -> None:
    odd = tmp_path / "a[1]*?'x"
    odd.mkdir()
    for suffix in (".jsonl", ".yaml"):
        put([ROW]).with_suffix(suffix).replace(odd / f"s{suffix}")
    with FileTrainingSheets([odd]).open("s") as opened:
        assert opened.pairs.count().to_pyarrow().as_py() == 1
