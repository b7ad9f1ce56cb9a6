"""Arrow files, and folders that `datasets` saved: the rows of theirs, and a sentence for what is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.importing.reading.file_kind import Source, read_source
from training_pipeline.testing.saved_datasets import save_dataset, save_splits, write_stream
from training_pipeline.testing.soak import examples

ROWS = [{"question": f"Größe {number}?", "answer": "süß", "score": None if number else 0.5} for number in range(8)]


def source(file: Path, split: str | None = None) -> Source:
    found = read_source(file, split=split)
    assert found is not None
    return found


def said(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(row.line, one.code, one.message) for row in rows for one in row.problems]


def refused(file: Path, split: str | None = None) -> tuple[str, str]:
    (row,) = source(file, split).rows()
    ((line, code, message),) = said([row])
    assert (row.values, line) == (None, 1)
    return code, message


@pytest.mark.parametrize("files", [1, 3, 8])
def test_a_saved_data_set_has_its_rows_in_their_order(tmp_path: Path, files: int) -> None:
    folder = save_dataset(tmp_path / "qa", ROWS, files=files)
    found = list(source(folder).rows())
    assert [(row.line, row.values) for row in found] == list(enumerate(ROWS, start=1))
    assert source(folder).kind == "saved data set"


def test_one_split_is_read_of_several(tmp_path: Path) -> None:
    folder = save_splits(tmp_path / "qa", {"train": ROWS[:5], "test": ROWS[5:]})
    assert refused(folder) == ("several_splits", "has the splits 'train', 'test'; name one with --split")
    assert refused(folder, "dev") == ("unknown_split", "has no split 'dev'; it has 'train', 'test'")
    assert [row.values for row in source(folder, "test").rows()] == ROWS[5:]
    assert [row.values for row in source(folder / "train").rows()] == ROWS[:5]
    assert refused(folder / "train", "test")[0] == "unknown_split"
    (folder / "test" / "state.json").unlink()
    assert refused(folder, "test") == (
        "broken_folder",
        "the split 'test' has no state.json; save the data set again",
    )


def test_single_files_of_both_kinds(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    write_stream(tmp_path / "stream", table)
    with pa.OSFile(str(tmp_path / "file"), "wb") as out, pa.ipc.new_file(out, table.schema) as written:
        written.write_table(table, max_chunksize=3)
    for name in ("stream", "file"):
        assert source(tmp_path / name).kind == "Arrow"
        assert [row.values for row in source(tmp_path / name).rows()] == ROWS


def _of(name: str, content: object) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def _named(*names: object) -> Callable[[Path], object]:
    return _of("state.json", {"_data_files": [{"filename": name} for name in names]})


def _with_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    _named("pipe")(folder)


DATA = "data-00000-of-00001.arrow"


@pytest.mark.parametrize(
    ("spoil", "code", "told"),
    [
        (_of("state.json", "{"), "broken_folder", "state.json cannot be read as JSON"),
        (_of("state.json", []), "broken_folder", "state.json cannot be read as JSON"),
        (_of("state.json", "[" * 100_000), "broken_folder", "state.json cannot be read as JSON"),
        (_of("state.json", " " * 2**21), "broken_folder", "state.json cannot be read as JSON"),
        (_of("state.json", {}), "broken_folder", "does not name its files"),
        (_of("state.json", {"_data_files": ["a"]}), "broken_folder", "does not name its files"),
        (_named("../other.arrow"), "broken_folder", "by their names in this folder"),
        (_named("/etc/passwd"), "broken_folder", "by their names in this folder"),
        (_named("..\\other"), "broken_folder", "by their names in this folder"),
        (_named(".."), "broken_folder", "by their names in this folder"),
        (_named("a\0b"), "broken_folder", "by their names in this folder"),
        (_named(7), "broken_folder", "by their names in this folder"),
        (_named(DATA, DATA), "broken_folder", "names data-00000-of-00001.arrow twice"),
        (_named(DATA, "gone.arrow"), "broken_folder", "names gone.arrow, which is not there"),
        (
            _of("state.json", {"_data_files": [{"filename": DATA}], "_indices_data_files": [{"filename": "i.arrow"}]}),
            "old_folder",
            "by a list of indices",
        ),
        (_with_pipe, "broken_folder", "names pipe"),
        (_of(DATA, ""), "corrupt_arrow", f"{DATA} cannot be read as Arrow from its first byte on"),
        (_of(DATA, "question,answer\na,b\n"), "corrupt_arrow", "from its first byte on"),
        (_of("dataset_dict.json", {"splits": "train"}), "broken_folder", "dataset_dict.json does not name its splits"),
        (_of("dataset_dict.json", {"splits": ["../x"]}), "broken_folder", "dataset_dict.json does not name its splits"),
    ],
)
def test_a_hostile_or_broken_folder_is_refused_in_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], object], code: str, told: str
) -> None:
    folder = save_dataset(tmp_path / "qa", ROWS)
    spoil(folder)
    found = refused(folder)
    assert found[0] == code
    assert told in found[1]


def test_a_folder_of_something_else_is_none(tmp_path: Path) -> None:
    assert read_source(tmp_path) is None


def test_a_name_that_stands_twice_is_no_guess(tmp_path: Path) -> None:
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["answer", "answer"])
    write_stream(tmp_path / "a.arrow", table)
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.arrow", "a.parquet"):
        assert refused(tmp_path / name)[0] == "repeated_column"


def test_offsets_that_point_elsewhere_are_not_followed(tmp_path: Path) -> None:
    write_stream(tmp_path / "a.arrow", pa.table({"answer": ["x" * 97]}))
    content = (tmp_path / "a.arrow").read_bytes()
    right, wrong = (b"".join(one.to_bytes(4, "little") for one in (0, end)) for end in (97, 2**24))
    before, _, after = content.rpartition(right)  # before the texts stand where each begins and ends
    (tmp_path / "a.arrow").write_bytes(before + wrong + after)
    assert refused(tmp_path / "a.arrow")[0] == "corrupt_arrow"


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_whatever_is_changed_in_a_file_there_is_an_end_with_rows_or_a_sentence(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("damaged") / "a.arrow"
    write_stream(file, pa.Table.from_pylist(ROWS))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(8, len(content)))])
    found: list[Any] = []
    if (read := read_source(file)) is not None:
        found = list(read.rows())
    assert all(row.values is not None or row.problems for row in found)
