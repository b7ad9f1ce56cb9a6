"""Arrow, batch by batch: one file, or a folder that `datasets` wrote with `save_to_disk`, of which one split is read.

What a folder says of its files counts for little: they are read from this folder and from nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.infra.files import is_file
from training_pipeline.sheets.files.json_objects import is_too_deep
from training_pipeline.sheets.files.row import Row, broken_row, repeated_names
from training_pipeline.sheets.files.rows import batch_rows
from training_pipeline.sheets.shown_name import shown_name

#: An Arrow file, and a stream of batches, which is what `datasets` writes.
_FILE: Final = b"ARROW1"
MAGICS: Final = (_FILE, b"\xff\xff\xff\xff")
_BATCH: Final = 2048
#: What a saved data set says of itself, and what a folder says that has one for each split.
_STATE: Final = "state.json"
_SPLITS: Final = "dataset_dict.json"
#: Such files have some hundred bytes.
_LONGEST: Final = 2**20


class _Refused(ValueError):
    """Why a folder is not read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def is_saved(folder: Path) -> bool:
    """Whether it is a folder that `save_to_disk` wrote. Reads only."""
    return is_file(folder / _STATE) or is_file(folder / _SPLITS)


def folder_rows(folder: Path, split: str | None) -> Iterator[Row]:
    """The rows of a saved data set, or of one split, counted from 1 over all of its files. Reads only."""
    try:
        files = _files(folder if not is_file(folder / _SPLITS) else _of_split(folder, split), split)
    except _Refused as why:
        yield broken_row(1, why.code, why.message)
        return
    line = 0
    for file in files:
        for row in rows(file, after=line):
            line = row.line
            yield row
            if row.values is None and row.problems[0].code in _FATAL:
                return


#: Problems after which no row follows.
_FATAL: Final = frozenset({"corrupt_arrow", "repeated_column"})


def rows(file: Path, *, after: int = 0) -> Iterator[Row]:
    """The rows of a file, counted on from `after`. NaN is missing. Reads only."""
    line = after
    try:
        with pa.OSFile(str(file)) as opened:
            for batch in _batches(opened):
                for name in repeated_names(batch.schema.names):
                    yield Row(
                        line + 1,
                        None,
                        [Problem(shown_name(name), "repeated_column", "appears twice in its schema", line + 1)],
                    )
                    return
                batch.validate(full=True)  # Arrow trusts a file, and would read what is not its own
                for start in range(0, batch.num_rows, _BATCH):
                    for row in batch_rows(batch.slice(start, _BATCH), line + 1):
                        line = row.line
                        yield row
    except pa.ArrowMemoryError:  # of a batch that says that it is larger than any memory, too
        text = f"{file.name} asks for more memory than there is; write it again, in smaller batches"
        yield broken_row(line + 1, "corrupt_arrow", text)
    except (MemoryError, GeneratorExit):
        raise
    except Exception:  # noqa: BLE001 - Arrow raises errors of many classes
        where = f"after row {line}" if line else "from its first byte on"
        yield broken_row(line + 1, "corrupt_arrow", f"{file.name} cannot be read as Arrow {where}; write it again")


def _batches(opened: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    if opened.read(len(_FILE)) == _FILE:
        with pa.ipc.open_file(opened) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        return
    opened.seek(0)
    with pa.ipc.open_stream(opened) as stream:
        yield from stream


def _of_split(folder: Path, split: str | None) -> Path:
    names = _said(folder / _SPLITS).get("splits")
    if not isinstance(names, list) or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise _Refused("broken_folder", f"{_SPLITS} does not name its splits; save the data set again")
    listed = ", ".join(f"'{name}'" for name in names) or "none"
    if split is None:
        raise _Refused("several_splits", f"has the splits {listed}; name one with --split")
    if split not in names:
        raise _Refused("unknown_split", f"has no split '{split}'; it has {listed}")
    if not is_file(folder / split / _STATE):
        raise _Refused("broken_folder", f"the split '{split}' has no {_STATE}; save the data set again")
    return folder / split


def _files(folder: Path, split: str | None) -> list[Path]:
    """The files of one saved data set, in their order."""
    state = _said(folder / _STATE)
    if split is not None and folder.name != split and state.get("_split") != split:
        raise _Refused("unknown_split", f"is one data set without splits, not '{split}'; leave --split out")
    if state.get("_indices_data_files") or state.get("_indices_files"):
        text = "picks its rows by a list of indices, as old versions of datasets save it; save the data set again"
        raise _Refused("old_folder", text)
    told = state.get("_data_files")
    names = [one.get("filename") if isinstance(one, dict) else None for one in told] if isinstance(told, list) else []
    if not isinstance(told, list) or not all(isinstance(name, str) and _is_plain(name) for name in names):
        text = f"{_STATE} does not name its files by their names in this folder; save the data set again"
        raise _Refused("broken_folder", text)
    if repeated := repeated_names(map(str, names)):
        raise _Refused("broken_folder", f"{_STATE} names {repeated[0]} twice; save the data set again")
    files = [folder / str(name) for name in names]
    for file in files:
        if not is_file(file):
            raise _Refused("broken_folder", f"{_STATE} names {file.name}, which is not there; copy the whole folder")
    return files


def _said(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        content = opened.read(_LONGEST + 1)
    try:
        text = content.decode()
        value = None if len(content) > _LONGEST or is_too_deep(text) else json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Refused("broken_folder", f"{file.name} cannot be read as JSON; save the data set again")
    return value


def _is_plain(name: str) -> bool:
    """Whether it names something in a folder itself."""
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\\0")
