from __future__ import annotations

import hashlib
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from training_pipeline.domain.errors import NotFound, SheetChanged, SheetUnreadable, Unavailable
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.sheets.files import opening
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, Put


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


CSV = 'pair_id,item_ref,status,allowed_uses,question,answer\n1,i,labeled,"[""training""]",q,a\n'


@pytest.mark.parametrize(("pairs", "ending"), [([ROW], ".jsonl"), (CSV, ".csv")])
def test_json_is_taken_apart_once(
    put: Put, sheets: FileTrainingSheets, pairs: str | list[dict[str, object]], ending: str
) -> None:
    put(pairs, ending)
    with sheets.open("s") as opened:
        tables = opened.pairs.get_backend().con.execute("SELECT table_name FROM duckdb_tables()")
        assert tables.fetchall() == [("pairs",)]


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


@pytest.mark.parametrize(
    "line", ["created_at: 2026-02-30", "metadata: &m {x: *m}", 'owner: "\\ud800"', "tags: !!int x", "pairs_file: x"]
)
def test_one_broken_head_is_one_broken_sheet(put: Put, sheets: FileTrainingSheets, line: str) -> None:
    put([ROW], name="fine")
    put([ROW], head=HEAD + line, name="broken")
    assert [sheet.id for sheet in sheets.list()] == ["fine"]
    assert list(sheets.unreadable()) == ["broken"]
    for ask in (sheets.get, sheets.files):
        with pytest.raises(SheetUnreadable, match=r"broken\.yaml"):
            ask("broken")
    with sheets.open("fine") as opened:
        assert opened.pairs.count().to_pyarrow().as_py() == 1


@pytest.mark.parametrize("kind", ["directory", "pipe", "dangling", "device"])
@pytest.mark.parametrize("suffix", [".yaml", ".jsonl"])
def test_what_is_no_file_is_not_read(
    put: Put, sheets: FileTrainingSheets, tmp_path: Path, kind: str, suffix: str
) -> None:
    put([ROW], name="fine")
    path = put([ROW]).with_suffix(suffix)
    path.unlink()
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case _:
            path.symlink_to("/dev/zero")
    assert "fine" in [sheet.id for sheet in sheets.list()]
    with pytest.raises(SheetUnreadable, match=r"is a |No such file|which is no file or a broken link"):
        sheets.files("s")


def test_a_directory_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "sheets").touch()
    with pytest.raises(Unavailable, match="sheets cannot be read: Not a directory"):
        FileTrainingSheets([tmp_path / "sheets"]).list()


def test_pairs_that_fail_while_they_are_read(put: Put, sheets: FileTrainingSheets) -> None:
    data = put([ROW])
    data.unlink()
    data.symlink_to("/proc/self/mem")  # a regular file, of which the first byte cannot be read
    with pytest.raises(Unavailable, match=r"s\.jsonl cannot be read: Input/output error"), sheets.open("s"):
        pass
    assert check(data, sheets.files("s").head).counts["unreadable_file"] == 1


@pytest.mark.parametrize("error", [duckdb.OutOfMemoryException("x"), pa.ArrowMemoryError("x"), MemoryError("x")])
def test_memory_that_ran_out_stays_that(
    put: Put, sheets: FileTrainingSheets, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def short(*_: object) -> None:
        raise error

    put([ROW, {"pair_id": "broken"}])
    monkeypatch.setattr(opening, "inspect", short)
    with pytest.raises(Unavailable, match="needs more memory than it may have") as caught, sheets.open("s"):
        pass
    assert "TRAINING_PIPELINE_DUCKDB_MEMORY_LIMIT" in caught.value.hint


@pytest.mark.parametrize("error", [KeyError("secret"), pa.ArrowInvalid("secret"), RuntimeError("secret")])
def test_any_error_of_an_engine_is_a_problem_of_the_sheet(
    put: Put, sheets: FileTrainingSheets, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    put([ROW])
    monkeypatch.setattr(opening, "inspect", fails)
    expected = rf"s\.jsonl: cannot be read as JSONL \({type(error).__name__}\)"
    with pytest.raises(SheetUnreadable, match=expected) as caught, sheets.open("s"):
        pass
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_head_names_its_own_pairs_only(put: Put, sheets: FileTrainingSheets) -> None:
    data = put([ROW], name="other@0123456789ab", suffix=".jsonl")
    data.rename(data.with_suffix(".parquet"))
    put([ROW], head=HEAD + "pairs_file: other@0123456789ab.parquet")
    with pytest.raises(SheetUnreadable, match="/pairs_file: must begin with 's@'"):
        sheets.files("s")


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
    with pytest.raises(SheetUnreadable, match=r"s\.jsonl, s\.csv next to it"), sheets.open("s"):
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
