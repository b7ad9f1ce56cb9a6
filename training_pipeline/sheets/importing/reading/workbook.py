"""Excel and OpenDocument workbooks: the values of one sheet as they were last saved. Formulas and macros never run.

An error such as #REF!, and a formula whose value was never saved, is an empty cell.
"""

from __future__ import annotations

import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineWorkbook, PasswordError

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.files.row import Row, broken_row, repeated_names
from training_pipeline.sheets.shown_name import shown_name

SUFFIXES: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
#: A zip archive, and the older compound file.
MAGICS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
#: Most bytes that a workbook may be once it is unpacked: a sheet is held in memory as a whole.
LARGEST: Final = 512 * 2**20
_BLOCK: Final = 2**20


def worksheets(file: Path) -> tuple[str, ...]:
    """The names of its sheets; none where it cannot be read, which `rows` tells. Reads only."""
    try:
        if _unpacked(file) > LARGEST:
            return ()
        with CalamineWorkbook.from_path(str(file)) as book:
            return tuple(book.sheet_names)
    except (MemoryError, GeneratorExit):
        raise
    except Exception:  # noqa: BLE001 - calamine raises errors of many classes
        return ()


def rows(file: Path, worksheet: str | None) -> Iterator[Row]:
    """The rows below the header, by the number they have in the sheet; empty rows are passed over. Reads only."""
    if _unpacked(file) > LARGEST:
        yield broken_row(1, "too_large", f"unpacks to more than {LARGEST // 2**20} MB; save the sheet as CSV")
        return
    try:
        with CalamineWorkbook.from_path(str(file)) as book:
            names = book.sheet_names
            listed = ", ".join(f"'{name}'" for name in names) or "none"
            name = worksheet or (names[0] if names else "")
            if worksheet is None and len(names) > 1:
                yield broken_row(1, "several_worksheets", f"has the sheets {listed}; name one with --worksheet")
            elif name not in names:
                yield broken_row(1, "unknown_worksheet", f"has no sheet '{name}'; it has {listed}")
            else:
                sheet = book.get_sheet_by_name(name)
                yield from _named(sheet.iter_rows(), (sheet.start or (0, 0))[0] + 1)
    except (MemoryError, GeneratorExit):
        raise
    except PasswordError:
        yield broken_row(1, "locked_workbook", "is protected by a password; save it without one")
    except Exception:  # noqa: BLE001 - calamine raises errors of many classes
        yield broken_row(1, "broken_workbook", "cannot be read as a workbook; save it again, or as CSV")


def _named(records: Iterator[list[Any]], first: int) -> Iterator[Row]:
    header: list[str] | None = None
    for number, cells in enumerate(records, first):
        values = [_value(cell) for cell in cells]
        if all(value is None for value in values):
            continue
        if header is None:
            header = [_text(value).strip() or f"column {place}" for place, value in enumerate(values, 1)]
            for name in repeated_names(header):
                yield Row(
                    number, None, [Problem(shown_name(name), "repeated_column", "appears twice in the header", number)]
                )
        else:
            yield Row(number, dict(zip(header, values, strict=False)))


def _text(value: str | bool | None) -> str:
    return "" if value is None else str(value)


def _value(cell: Any) -> str | bool | None:
    """The cell as text, a whole number without a point, a moment as in ISO 8601; truth values stay."""
    match cell:
        case "" | None:
            return None
        case bool() | str():
            return cell
        case float() if cell.is_integer() and abs(cell) < 2**53:
            return str(int(cell))
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return str(cell)


def _unpacked(file: Path) -> int:
    """The bytes that a zip archive unpacks to, whatever it says of them; those of the file where it is none. Reads.

    Goes no further than `LARGEST`.
    """
    total = 0
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                entry.file_size = sys.maxsize  # what is said may be a lie, and reading would end there
                with archive.open(entry) as opened:
                    while block := opened.read(_BLOCK):
                        total += len(block)
                        if total > LARGEST:
                            return total
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError):
        return max(total, file.stat().st_size)  # damaged, or locked with a password: not for us to tell
    return total
