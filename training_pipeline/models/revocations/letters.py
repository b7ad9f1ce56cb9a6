"""Texts by their letters alone, so that one is found however a file has escaped, quoted, folded or indented it.

JSON, CSV, YAML and XML write the same text in many ways. What they add (backslashes, quotation marks, entities, white
space) is taken away from both what is searched for and where it is searched.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

#: Of fewer letters a text stands in many places that have nothing to do with it.
LEAST: Final = 8
#: So much longer than its letters a text may be where it is escaped; and what may stand between two of them at most.
LONGEST: Final = 8
BETWEEN: Final = 4096

_ESCAPED: Final = re.compile(
    r"\\+(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|[abefnrtv0NLP_ /]?)"
)
#: Also where it was escaped several times.
_ENTITY: Final = re.compile(r"&(?:amp;)*(?:(amp|lt|gt|quot|apos|nbsp)|#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_NO_LETTER: Final = re.compile("[\\s\"'\u200b\ufeff]+")
_HALVES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_ERRORS: Final = "as_windows_1252"


def letters(text: bytes) -> str:
    """What is left of a text. Bytes that are no UTF-8 are read as Windows-1252."""
    said = text.decode(errors=_ERRORS)
    if "\\" in said:
        said = _HALVES.sub(_joined, _ESCAPED.sub(_unescaped, said))
    if "&" in said:
        said = _ENTITY.sub(_named, said)
    return _NO_LETTER.sub("", said)


def _unescaped(found: re.Match[str]) -> str:
    digits = next((one for one in found.groups() if one is not None), None)
    if digits is None:
        return "/" if found.group().endswith("/") else ""
    return _character(int(digits, 16))


def _named(found: re.Match[str]) -> str:
    name, decimal, hexadecimal = found.groups()
    return _NAMED[name] if name is not None else _character(int(decimal) if decimal else int(hexadecimal, 16))


def _joined(found: re.Match[str]) -> str:
    return found.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _character(number: int) -> str:
    return chr(number) if number <= 0x10FFFF else ""


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_ERRORS, _as_windows_1252)
