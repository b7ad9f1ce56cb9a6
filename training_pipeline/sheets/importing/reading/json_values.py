"""JSON: one array of objects, or objects one behind the other; read piece by piece."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from training_pipeline.sheets.files.json_objects import JsonObjects
from training_pipeline.sheets.files.row import Row, broken_row
from training_pipeline.sheets.files.rows import LONGEST
from training_pipeline.sheets.importing.reading.opening import open_text

_BLOCK: Final = 2**18
_TEXT: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'
#: What changes the nesting, and texts as a whole: brackets in them are none. A lone quote opens a text that goes on.
_TOKEN: Final = re.compile(rf'{_TEXT}|["\[\]{{}}]', re.DOTALL)
#: A value that is neither an array nor an object.
_SCALAR: Final = re.compile(rf'{_TEXT}|[^\s,\]}}"]+|[\s\S]', re.DOTALL)
_SPACE: Final = re.compile(r"[ \t\r\n]*")


def rows(file: Path) -> Iterator[Row]:
    """The objects in their order, counted from 1; what is no JSON ends the file with a problem. Reads only."""
    with open_text(file) as opened:
        try:
            yield from _rows(opened)
        except _Broken as error:
            yield broken_row(error.number, error.code, error.message)


class _Broken(Exception):
    def __init__(self, number: int, code: str, message: str) -> None:
        super().__init__(number)
        self.number, self.code, self.message = number, code, message


def _rows(file: BinaryIO) -> Iterator[Row]:
    """Each element of the array, or each value where there is no array."""
    decoder, objects = codecs.getincrementaldecoder("utf-8")(), JsonObjects()
    text, at, number = "", 0, 0
    begun, is_array, ended = False, False, False
    while True:
        block = file.read(max(_BLOCK, len(text) - at))  # a long value is looked at again, each time twice as long
        try:
            text, at = text[at:] + decoder.decode(block, final=not block), 0
        except UnicodeDecodeError:
            raise _Broken(number + 1, "wrong_encoding", "is not UTF-8; save the file as UTF-8") from None
        while True:
            at = _past_space(text, at)
            if not begun and at < len(text):
                begun, is_array = True, text[at] == "["
                at += is_array
                continue
            if is_array and number and text[at : at + 1] == ",":
                at = _past_space(text, at + 1)
                if text[at : at + 1] in ("]", ",") and at < len(text):
                    raise _Broken(number + 1, "broken_json", "is missing: there is a comma too many")
            if is_array and text[at : at + 1] == "]" and not ended:
                ended, at = True, at + 1
                continue
            if ended and at < len(text):
                raise _Broken(number + 1, "broken_json", "comes after the end of the array")
            found = _value(objects, number + 1, text, at)
            if found is None:
                break
            number += 1
            row, at = found
            yield row
            behind = _past_space(text, at)
            if is_array and behind < len(text) and text[behind] not in ",]":
                raise _Broken(number + 1, "broken_json", "follows without a comma")
        if not block:
            if at < len(text) or (is_array and not ended):
                raise _Broken(number + 1, "broken_json", "is not JSON: it does not end")
            return
        if len(text) - at > LONGEST:
            raise _Broken(number + 1, "value_too_long", f"is longer than {LONGEST // 2**20} MB")


def _value(objects: JsonObjects, number: int, text: str, at: int) -> tuple[Row, int] | None:
    """The value that begins at `at`, and where it ends; null where more of the text is needed to know."""
    if text[at : at + 1] in ("{", "[") and (found := objects.first_in(number, text, at)) is not None:
        return found
    end = _end_of_value(text, at)
    return None if end is None else (objects.of_text(number, text[at:end]), end)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int | None:
    """Where a value that cannot be read ends, by its brackets; null where more of the text is needed to know."""
    if at == len(text):
        return None
    if text[at] not in "[{":  # no object: whatever it is, up to a comma, it is told as what it is
        found = _SCALAR.match(text, at)
        return found.end() if found and found.end() < len(text) else None
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token.group() == '"':
            return None
        if token.group() in ("[", "{"):
            depth += 1
        elif token.group() in ("]", "}"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None
