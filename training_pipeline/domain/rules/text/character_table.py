"""What `normal_form.json` says of characters, all of one version of Unicode, in Python.

`scripts/write_normal_form.py` writes the file; it is part of the gate policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

#: The iota below a letter, which is ordered as a mark, and the letter that it becomes then.
IOTA_MARK, IOTA = "\u0345", "\u03b9"
#: Hangul syllables, which decompose by arithmetic.
_SYLLABLES: Final = range(0xAC00, 0xD7A4)
#: The accented letters of Latin-1.
LATIN: Final = range(0xC0, 0x100)


@cache
def _table() -> Any:
    return json.loads(files("training_pipeline.domain.rules.text").joinpath("normal_form.json").read_text("ascii"))


def codes(ranges: str) -> Iterator[int]:
    """The code points of ranges such as `41-5A 61`, in their order."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _jamo(syllable: int) -> str:
    lead, rest = divmod(syllable - _SYLLABLES.start, 588)
    vowel, tail = divmod(rest, 28)
    return chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")


def _texts(images: Mapping[str, str]) -> dict[int, str]:
    read = {int(code, 16): "".join(chr(int(one, 16)) for one in image.split()) for code, image in images.items()}
    return read | {syllable: _jamo(syllable) for syllable in _SYLLABLES}


@cache
def folded_images() -> Mapping[int, str]:
    """What stands for each character in the loose form; the others stand for themselves."""
    return _texts(_table()["folded"]) | dict.fromkeys(codes(_table()["dropped"]), "")


@cache
def decomposed_images() -> Mapping[int, str]:
    """What stands for each character in the strict form; the others stand for themselves."""
    return _texts(_table()["decomposed"])


@cache
def mark_ranks() -> Mapping[int, str]:
    """The canonical combining class of each mark, in three digits."""
    return {code: f"{int(rank):03d}" for rank, ranges in _table()["marks"].items() for code in codes(ranges)}


@cache
def punctuation() -> frozenset[int]:
    """The characters that are dropped at either end of a text in the loose form."""
    return frozenset(codes(_table()["punctuation"]))


@cache
def composed_letters() -> Mapping[str, str]:
    """The letters of Latin-1 that are made of two characters, by those two: both forms have them as one."""
    return {decomposed_images()[code]: chr(code) for code in LATIN if code in decomposed_images()}
