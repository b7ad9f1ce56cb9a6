"""JSON: one array of objects, or objects one behind the other; read piece by piece."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from training_pipeline.sheets.files.rows import LONGEST, Row, broken_row, json_row
from training_pipeline.sheets.importing.reading.opening import open_text

_BLOCK: Final = 2**16
_TEXT: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'
#: What changes the nesting, and texts as a whole: brackets in them are none. A lone quote opens a text that goes on.
_TOKEN: Final = re.compile(rf'{_TEXT}|["\[\]{{}}]', re.DOTALL)
#: A value that is neither an array nor an object.
_SCALAR: Final = re.compile(rf'{_TEXT}|[^\s,\]}}"]+|[\s\S]', re.DOTALL)
_SPACE: Final = " \t\r\n"


def rows(file: Path) -> Iterator[Row]:
    """The objects in their order, counted from 1; what is no JSON ends the file with a problem. Reads only."""
    with open_text(file) as opened:
        try:
            for number, text in enumerate(_values(opened), 1):
                yield json_row(number, text.encode("utf-8", errors="surrogatepass"))
        except _Broken as error:
            yield broken_row(error.number, error.code, error.message)


class _Broken(Exception):
    def __init__(self, number: int, code: str, message: str) -> None:
        super().__init__(number)
        self.number, self.code, self.message = number, code, message


def _values(file: BinaryIO) -> Iterator[str]:
    """The text of each element of the array, or of each value where there is no array."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text, number, is_array, ended = "", 0, False, False
    begun = False
    while True:
        block = file.read(max(_BLOCK, len(text)))  # a long value is looked at again, each time twice as long
        try:
            text += decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            raise _Broken(number + 1, "wrong_encoding", "is not UTF-8; save the file as UTF-8") from None
        while True:
            text = text.lstrip(_SPACE)
            if not begun and text:
                begun, is_array = True, text[0] == "["
                text = text[1:] if is_array else text
                continue
            if is_array and number and text[:1] == ",":
                text = text[1:].lstrip(_SPACE)
                if text[:1] in ("]", ","):
                    raise _Broken(number + 1, "broken_json", "is missing: there is a comma too many")
            if is_array and text[:1] == "]" and not ended:
                ended, text = True, text[1:]
                continue
            if ended and text:
                raise _Broken(number + 1, "broken_json", "stands behind the end of the array")
            end = _end_of_value(text)
            if end is None:
                break
            number += 1
            yield text[:end]
            text = text[end:]
            rest = text.lstrip(_SPACE)
            if is_array and rest and rest[0] not in ",]":
                raise _Broken(number + 1, "broken_json", "follows without a comma")
        if not block:
            if text or (is_array and not ended):
                raise _Broken(number + 1, "broken_json", "is not JSON: it does not end")
            return
        if len(text) > LONGEST:
            raise _Broken(number + 1, "value_too_long", f"is longer than {LONGEST // 2**20} MB")


def _end_of_value(text: str) -> int | None:
    """Where the first value ends; null where more of the text is needed to know."""
    if not text:
        return None
    if text[0] not in "[{":  # no object: whatever it is, up to a comma, it is told as what it is
        found = _SCALAR.match(text)
        return found.end() if found and found.end() < len(text) else None
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.group() == '"':
            return None
        if token.group() in ("[", "{"):
            depth += 1
        elif token.group() in ("]", "}"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None
