"""What a file is, by its content and then by its name, and its rows. Memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.sheets.files.row import Row, broken_row
from training_pipeline.sheets.importing.reading import arrow, csv_fields, json_values, jsonl, parquet, workbook
from training_pipeline.sheets.importing.reading.opening import first_bytes

#: What a file may be called. Capitals make no difference, and `.gz` may stand behind each.
SUFFIXES: Final = (
    *(".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow"),
    *workbook.SUFFIXES,
)
#: What a folder is taken for that the library `datasets` saved.
SAVED: Final = "saved data set"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that has been recognised; `rows` begins to read it, each time anew."""

    kind: str
    #: Why it was taken for that.
    why: str
    rows: Callable[[], Iterator[Row]]
    #: What `Row.line` counts: lines of a text file, rows of a table, values of a JSON file.
    unit: str = "row"
    #: Every value is text, so that a list stands in one as words with a separator.
    is_text: bool = False
    #: CSV: what stands between two fields.
    delimiter: str | None = None


def read_source(
    file: Path, *, delimiter: str | None = None, worksheet: str | None = None, split: str | None = None
) -> Source | None:
    """The kind and rows of a file, or of a folder; null where neither its content nor its name is one that is known.

    Raises `OSError` where the file cannot be opened. What cannot be read later becomes a row of problems.
    """
    if file.is_dir():
        if not arrow.is_saved(file):
            return None
        rows = partial(_guarded, file, lambda path: arrow.folder_rows(path, split))
        return Source(SAVED, "has the files that save_to_disk writes", rows)
    name = file.name.lower().removesuffix(".gz")
    start = first_bytes(file)
    if start.startswith(parquet.MAGIC) or name.endswith(".parquet"):
        why = "begins with PAR1" if start.startswith(parquet.MAGIC) else "is called .parquet"
        return Source("Parquet", why, partial(_guarded, file, parquet.rows))
    if start.startswith(arrow.MAGICS) or name.endswith(".arrow"):
        why = "begins as Arrow does" if start.startswith(arrow.MAGICS) else "is called .arrow"
        return Source("Arrow", why, partial(_guarded, file, arrow.rows))
    if start.startswith(workbook.MAGICS) or name.endswith(workbook.SUFFIXES):
        why = "is a workbook by its first bytes" if start.startswith(workbook.MAGICS) else "is called as a workbook"
        rows = partial(_guarded, file, lambda path: workbook.rows(path, worksheet))
        return Source("workbook", why, rows, is_text=True)
    if name.endswith((".json", ".jsonl", ".ndjson")):
        if start.lstrip()[:1] == b"[" or name.endswith(".json"):
            opens = "begins with [" if start.lstrip()[:1] == b"[" else "is called .json"
            return Source("JSON", opens, partial(_guarded, file, json_values.rows), unit="value")
        return Source("JSONL", "one JSON object a line", partial(_guarded, file, jsonl.rows), unit="line")
    if name.endswith((".csv", ".tsv", ".txt")):
        form = csv_fields.form_of(start, delimiter, tabs=name.endswith(".tsv"))
        kind = "TSV" if form.delimiter == "\t" else "CSV"
        rows = partial(_guarded, file, lambda path: csv_fields.rows(path, form))
        return Source(kind, form.why, rows, "line", is_text=True, delimiter=form.delimiter)
    return None


def _guarded(file: Path, rows: Callable[[Path], Iterator[Row]]) -> Iterator[Row]:
    """The rows; what the system refuses later on becomes the last row's problem."""
    line = 0
    try:
        for row in rows(file):
            line = row.line
            yield row
    except OSError as error:
        reason = error.strerror or "the compressed file is damaged or cut off"
        yield broken_row(line + 1, "unreadable_file", f"cannot be read from here on: {reason}")
    except MemoryError:
        hint = "Free memory and try again."
        raise Unavailable(f"Memory ran out while {file.name} was read, after row {line}.", hint=hint) from None
