"""CSV and TSV: a header, and one record a row. Quoting as in RFC 4180; nothing is guessed but the delimiter."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.delimiter import NO_DELIMITERS
from training_pipeline.sheets.files.row import Row, broken_row, repeated_names
from training_pipeline.sheets.files.rows import NotUtf8, records_of
from training_pipeline.sheets.importing.reading.opening import open_text
from training_pipeline.sheets.shown_name import shown_name

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Form:
    """How the fields are separated, and why that is thought."""

    delimiter: str
    why: str
    #: The first line says `sep=` and is no record.
    has_sep_line: bool = False


def form_of(start: bytes, delimiter: str | None, *, tabs: bool = False) -> Form:
    """The form of a file that begins with `start`."""
    first, _, rest = start.decode("utf-8", errors="replace").partition("\n")
    named = first.rstrip("\r")
    has_sep_line = named.lower()[:-1] == "sep=" and named[-1] not in NO_DELIMITERS
    if delimiter is not None:
        return Form(delimiter, "the delimiter is given", has_sep_line)
    if has_sep_line:
        return Form(named[-1], "its first line names the delimiter", has_sep_line=True)
    if tabs:
        return Form("\t", "is called .tsv")
    header = named if named.count('"') % 2 == 0 else f"{named}\n{rest}"
    found = Counter(character for character in _outside_quotes(header) if character in _DELIMITERS)
    likeliest = max(_DELIMITERS, key=lambda one: (found[one], one == ","))
    return Form(likeliest, f"{_DELIMITERS[likeliest]} in its first line")


def rows(file: Path, form: Form) -> Iterator[Row]:
    """The records by the line each begins in. A column without a name is `column N`. Reads only."""
    with open_text(file) as opened:
        if form.has_sep_line:
            opened.readline()
        shift = int(form.has_sep_line)
        header: list[str] | None = None
        line = 1 + shift
        try:
            for begins, fields in records_of(opened, form.delimiter):
                line = begins + shift
                if header is None:
                    header = [name.strip() or f"column {number}" for number, name in enumerate(fields, 1)]
                    for name in repeated_names(header):
                        problem = Problem(shown_name(name), "repeated_column", "appears twice in the header", line)
                        yield Row(line, None, [problem])
                elif len(fields) != len(header) and any(fields[len(header) :]) | (len(fields) < len(header)):
                    counts = f"has {len(fields)} fields where the header has {len(header)}"
                    advice = "put fields with a delimiter inside in quotes, or give --delimiter"
                    yield broken_row(line, "wrong_field_count", f"{counts}; {advice}")
                elif any(fields):
                    yield Row(line, {name: text or None for name, text in zip(header, fields, strict=False)})
        except NotUtf8 as error:
            message = "is not UTF-8; save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
            yield broken_row(error.line + shift, "wrong_encoding", message)
        except csv.Error as error:
            yield broken_row(line + 1, "broken_csv", _in_words(error))


def _in_words(error: csv.Error) -> str:
    if "new-line character" in str(error):
        return "has lines that end with a carriage return alone; save it as 'CSV UTF-8', not as CSV for Macintosh"
    return f"in or after this line: {error}"


def _outside_quotes(text: str) -> str:
    return "".join(text.split('"')[::2])
