"""Every structural fault of a file: one error with all of them, where they are, what to do, and never the text."""

from __future__ import annotations

import json
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.domain.errors import SheetUnreadable, Unavailable
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.files.rows import LONGEST, read_rows
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, Put

CSV = "pair_id,item_ref,status,allowed_uses,question,answer\n"
GOOD = json.dumps(ROW)


def refusal(sheets: FileTrainingSheets) -> str:
    with pytest.raises(SheetUnreadable) as caught, sheets.open("s"):
        pass
    assert caught.value.__cause__ is None
    assert "sheets check s" in caught.value.hint
    text = str(caught.value)
    assert "secret" not in text
    return text


@pytest.mark.parametrize(
    ("content", "suffix", "expected"),
    [
        ("", ".jsonl", "s.jsonl: holds no pairs"),
        (CSV, ".csv", "s.csv: holds no pairs"),
        ("", ".csv", "s.csv: holds no pairs"),
        (f'{GOOD}\n{GOOD}\n{{"pair_id": secret}}\n', ".jsonl", "line 3: is not JSON: expecting value at byte 13"),
        (f"{GOOD}\n[1]\n", ".jsonl", "line 2: is a list; every line must be one JSON object"),
        (f"{GOOD}\n\n5\n", ".jsonl", "line 3: is a number"),
        (f"[{GOOD},\n{GOOD}]", ".jsonl", "line 1: is not JSON"),
        (f"\ufeff{GOOD}", ".jsonl", "line 1: begins with a byte order mark"),
        ('{"pair_id": "secret\\ud800"}', ".jsonl", "line 1: holds half of a surrogate pair"),
        (b'{"pair_id": "secret\xff"}', ".jsonl", "line 1: is not UTF-8 at byte 20"),
        ('{"pair_id": "a", "pair_id": "b"}', ".jsonl", "line 1, column 'pair_id': appears twice"),
        (f"{CSV}1,i,labeled,training,q,secret,x\n", ".csv", "line 2: has 7 fields where the header has 6"),
        (f'{CSV}1,i,labeled,training,"q\nr",a\n1,i\n', ".csv", "line 4: has 2 fields where the header has 6"),
        (f"{CSV}1,i,labeled,training,q,secret caf".encode() + b"\xe9\n", ".csv", "line 2: is not UTF-8"),
        (f'{CSV}1,i,labeled,training,"secret,a\n', ".csv", "in or after this line"),
        (CSV.replace("status", "item_ref") + "1,i,i,training,q,a\n", ".csv", "column 'item_ref': appears twice"),
        (b"PAR1 no parquet", ".parquet", "cannot be read as Parquet"),
        (pa.table({"pair_id": pa.array([], pa.string())}), ".parquet", "holds no pairs"),
    ],
)
def test_faults_of_the_file(put: Put, sheets: FileTrainingSheets, content: Any, suffix: str, expected: str) -> None:
    put(content, suffix)
    assert expected in refusal(sheets)


@pytest.mark.parametrize("in_batches", [True, False])
def test_a_corrupt_page_of_parquet_is_found_while_reading(
    put: Put, sheets: FileTrainingSheets, in_batches: bool
) -> None:
    rows = [ROW | {"pair_id": f"{number:05d}"} for number in range(5000)]
    path = put(pa.Table.from_pylist(rows), ".parquet")
    content = bytearray(path.read_bytes())
    content[100:600] = b"\xff" * 500
    path.write_bytes(content)
    with pytest.raises(SheetUnreadable, match="cannot be read as Parquet"), sheets.open("s") as opened:  # noqa: PT012
        if in_batches:
            list(opened.pairs.to_pyarrow_batches(chunk_size=100))
        opened.pairs.to_pyarrow()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"alowed_uses": 1}, "line 1, column 'alowed_uses': is not a known column; did you mean 'allowed_uses'?"),
        ({"Item Ref": 1}, "did you mean 'item_ref'?"),
        ({"zzz": 1}, "column 'zzz': is not a known column\n"),
        ({"pair_id": ...}, "column 'pair_id': is missing"),
        ({"item_ref": ...}, "column 'item_ref': is missing"),
        ({"status": ...}, "column 'status': is missing"),
        ({"messages": ...}, "column 'messages': is missing; or give the columns question and answer"),
        ({"messages": ..., "question": "q"}, "column 'answer': is missing"),
        ({"question": "q", "answer": "a"}, "cannot be combined with question, answer"),
        ({"allowed_uses": ...}, "state it under `defaults`"),
    ],
)
def test_faults_of_the_columns(put: Put, sheets: FileTrainingSheets, change: dict[str, Any], expected: str) -> None:
    put([{name: value for name, value in (ROW | change).items() if value is not ...}])
    assert expected in refusal(sheets)


def test_all_faults_at_once(put: Put, sheets: FileTrainingSheets) -> None:
    put('{"pair_id": 1, "colour": 2}\n[1]\n{"a": tru}\n')
    text = refusal(sheets)
    for expected in ("line 2: is a list", "line 3: is not JSON", "'colour'", "'item_ref'", "'status'", "Known columns"):
        assert expected in text


def test_many_faults_are_counted(put: Put, sheets: FileTrainingSheets) -> None:
    put("[1]\n" * 500)
    assert "and 480 more like these" in refusal(sheets)


def test_ignored_columns_are_left_aside(put: Put, sheets: FileTrainingSheets) -> None:
    put([ROW | {"colour": "red"}], head=HEAD + "ignored_columns: [colour]\n")
    with sheets.open("s") as opened:
        assert "colour" not in opened.pairs.columns


@pytest.mark.parametrize("column", ["Pair_ID", "STATUS"])
def test_columns_that_differ_in_capitals_only(put: Put, sheets: FileTrainingSheets, column: str) -> None:
    put([{column: "x"} | ROW], head=HEAD + f"ignored_columns: [{column}]\n")
    assert "only in case" in refusal(sheets)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pair_id,item_ref,\na,b,\n", "line 1: column 3 has no name; is there one ',' too many in every line?"),
        ("ID,id\n1,2\n", "line 1, column 'id': differs from column 'ID' only in case"),
        ("pair_id,allowed_uses,status\na,,training,labeled,\n", "line 2: has 5 fields where the header has 3"),
        ('pair_id,status\na, "labeled"x\nb,"lab"eled\n', "line 3: in or after this line: ',' expected"),
    ],
)
def test_csv_that_engines_would_take_or_refuse_without_a_place(
    put: Put, sheets: FileTrainingSheets, text: str, expected: str
) -> None:
    put(text, ".csv", head=HEAD + "ignored_columns: [ID, id]\n")
    assert expected in refusal(sheets)


def test_a_value_that_cannot_be_had_has_a_row_and_a_column(put: Put, sheets: FileTrainingSheets) -> None:
    ends = pa.array([0, 1, 3], pa.int32()).buffers()[1]
    broken = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"a\xc3\xff")])
    table = pa.Table.from_pylist([ROW, ROW | {"pair_id": "p2"}])
    data = put(table.set_column(0, "pair_id", broken), ".parquet")
    (row,) = [row for row in read_rows(data, sheets.files("s").head) if row.problems]
    assert (row.line, row.problems[0].path, row.problems[0].code) == (2, "pair_id", "unreadable_value")
    with (
        pytest.raises(SheetUnreadable, match="line 2, pair_id: is string and cannot be read"),
        sheets.open("s") as opened,
    ):
        opened.pairs.to_pyarrow()


def test_a_line_without_end_does_not_fill_memory(put: Put, sheets: FileTrainingSheets) -> None:
    put(b'{"pair_id": "' + b"x" * (LONGEST + 2**20) + b'"}\n[1]\n')
    found = refusal(sheets)
    assert "line 1: is longer than 16 MB" in found
    assert "line 2: is a list" in found


def test_many_equal_keys_and_columns_take_no_time(put: Put, sheets: FileTrainingSheets) -> None:
    started = time.process_time()
    put("{" + ", ".join(f'"k{number // 2}": 1' for number in range(100_000)) + "}\n")
    assert "appears twice in this line" in refusal(sheets)
    assert time.process_time() - started < 10


def test_memory_that_ran_out_stays_that_row_by_row(
    put: Put, sheets: FileTrainingSheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("x")

    data = put(pa.Table.from_pylist([ROW]), ".parquet")
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", short)
    with pytest.raises(Unavailable, match=r"Memory ran out while s\.parquet was read, after row 0"):
        list(read_rows(data, sheets.files("s").head))


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "nan", "[1, inf]", '{"a":NaN}', "[1,]", '{"a": [2] ,\t}', '"b",'])
def test_what_engines_take_for_json(put: Put, sheets: FileTrainingSheets, word: str) -> None:
    put(f'{json.dumps(ROW)}\n{json.dumps(ROW | {"pair_id": "p2"})[:-1]}, "usage_reason": {word}}}\n')
    assert "line 2: is not JSON" in refusal(sheets)


@pytest.mark.parametrize("deep", ["[" * 1500 + "]" * 1500, '{"a":[' * 700 + "]}" * 700])
def test_what_is_nested_deeper_than_check_reads(put: Put, sheets: FileTrainingSheets, deep: str) -> None:
    data = put(f'{json.dumps(ROW)}\n{json.dumps(ROW | {"pair_id": "p2"})[:-1]}, "usage_reason": {deep}}}\n')
    assert "line 2: is not JSON that can be read: nested too deeply" in refusal(sheets)
    assert check(data, sheets.files("s").head).errors == 1


def test_a_text_of_many_brackets_is_a_text(put: Put, sheets: FileTrainingSheets) -> None:
    put([ROW | {"usage_reason": "[{" * 2000}])
    with sheets.open("s") as opened:
        assert opened.pairs.usage_reason.to_pyarrow().to_pylist() == ["[{" * 2000]


@pytest.mark.parametrize("text", ["so, nan, it is", ": NaN]", "[inf]", "[1,]", "{a, }"])
def test_a_text_that_looks_like_such_json_is_a_text(put: Put, sheets: FileTrainingSheets, text: str) -> None:
    put([ROW | {"usage_reason": text}])
    with sheets.open("s") as opened:
        assert opened.pairs.usage_reason.to_pyarrow().to_pylist() == [text]


@pytest.mark.parametrize("column", [[b"x"], [["a"]], [{"a": 1}]])
def test_check_and_open_refuse_the_same_types(put: Put, sheets: FileTrainingSheets, column: list[Any]) -> None:
    data = put(pa.Table.from_pylist([ROW]).append_column("usage_reason", pa.array(column)), ".parquet")
    assert "usage_reason: is" in refusal(sheets)
    assert check(data, sheets.files("s").head).counts["wrong_type"] == 1


def test_columns_of_nulls_and_of_numbers_that_are_none(put: Put, sheets: FileTrainingSheets) -> None:
    table = pa.Table.from_pylist([ROW]).set_column(3, "status", pa.array([float("nan")]))
    for name in ("label_allowed_uses", "usage_reason"):
        table = table.append_column(name, pa.nulls(1))
    data = put(table, ".parquet")
    with sheets.open("s") as opened:
        (row,) = opened.pairs.to_pyarrow().to_pylist()
    assert [row[name] for name in ("status", "label_allowed_uses", "usage_reason")] == [None] * 3
    assert check(data, sheets.files("s").head).counts == {"missing_status": 1}


def test_a_text_column_that_holds_lists(put: Put, sheets: FileTrainingSheets) -> None:
    put(pa.Table.from_pylist([ROW | {"item_ref": ["a"]}]), ".parquet")
    assert "s.parquet, item_ref: is VARCHAR[]; expected text" in refusal(sheets)
