"""The forms of many texts at once, in UTF-8: nearly all are found by `bytes.translate`, a byte at a time.

`plain_form.py` says what the forms are, and everything here is taken from there. In ASCII lower case and blanks are a
matter of single bytes; so they are in the letters of Latin-1, as long as these are the only others. Of a text with any
other character it is asked first whether that can be changed at all.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from training_pipeline.domain.manifest import text_bytes
from training_pipeline.domain.rules.text.characters import WHITE_SPACE
from training_pipeline.domain.rules.text.normal_form import (
    composed_letters,
    decomposed_images,
    mark_ranks,
    may_need_folding,
    punctuation,
)
from training_pipeline.domain.rules.text.plain_form import loose, strict

#: A letter of Latin-1 is this byte and one more.
_LEAD: Final = 0xC3
_SECOND: Final = range(0x80, 0xC0)
_SHARP_S: Final = "\u00df".encode()


def texts_of(column: pa.Array) -> list[bytes]:
    """The texts of a column of strings in UTF-8; for null an empty one. Pure."""
    texts = column.fill_null("") if column.null_count else column
    offsets = texts.buffers()[1]
    if offsets is None or not len(texts):
        return [b""] * len(texts)
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    ends = np.frombuffer(offsets, dtype=kind, count=texts.offset + len(texts) + 1)[texts.offset :]
    whole = bytes(text_bytes(texts))
    bounds = (ends - ends[0]).tolist()
    return [whole[start:end] for start, end in pairwise(bounds)]


def loose_forms(texts: list[bytes]) -> list[bytes]:
    """`plain_form.loose` of each text. Pure."""
    lower, dropped = _lower()
    whole, plain = b"".join(texts), _plain()
    if whole.translate(None, plain):
        forms = [_other(text) if text.translate(None, plain) else text.translate(lower, dropped) for text in texts]
    else:
        forms = [text.translate(lower, dropped) for text in texts]
    if _SHARP_S in whole:
        forms = [form.replace(_SHARP_S, b"ss") for form in forms]
    ends = _ascii_punctuation()
    bare = [form.strip(ends) for form in forms]
    for row, form in enumerate(bare):
        if not form:
            bare[row] = forms[row]  # it is nothing else
        elif form[0] > 0x7F or form[-1] > 0x7F:
            bare[row] = forms[row].decode().strip(_punctuation()).encode() or forms[row]
    return bare


def strict_form(text: bytes) -> bytes:
    """`plain_form.strict` of a text. Pure."""
    if not text.isascii() and text.translate(None, _plain()) and _needs_spelling().search(read := text.decode()):
        return strict(read).encode()
    bare = text.strip(_ASCII_WHITE)
    if bare and (bare[0] > 0x7F or bare[-1] > 0x7F):
        return bare.decode().strip(WHITE_SPACE).encode()
    return bare


def _other(text: bytes) -> bytes:
    """The loose form, but for its ends, of a text that has others than ASCII and the letters of Latin-1."""
    read = text.decode()
    if _needs_folding().search(read):
        return loose(read).encode()
    return read.lower().encode().translate(None, _lower()[1])


_ASCII_WHITE: Final = WHITE_SPACE.encode("ascii", "ignore")


@cache
def _lower() -> tuple[bytes, bytes]:
    """A table for `bytes.translate`, and what it drops."""
    table = bytearray(range(256))
    dropped = bytearray()
    for code in range(0x80):
        form = loose("x" + chr(code) + "x")[1:-1].encode()
        table[code : code + 1] = form or bytes([code])
        dropped += b"" if form else bytes([code])
    for second in _SECOND:
        image = loose(bytes([_LEAD, second]).decode()).encode()
        table[second] = image[1] if image[0] == _LEAD else second
    return bytes(table), bytes(dropped)


@cache
def _plain() -> bytes:
    """ASCII and the two bytes of letters of Latin-1."""
    return bytes([*range(0x80), _LEAD, *_SECOND])


@cache
def _ascii_punctuation() -> bytes:
    return bytes(code for code in punctuation() if code < 0x80)


@cache
def _punctuation() -> str:
    return "".join(map(chr, punctuation()))


@cache
def _needs_folding() -> re.Pattern[str]:
    return re.compile(re.sub(r"\\x\{([0-9A-F]+)\}", lambda code: f"\\U{code[1]:0>8}", may_need_folding()))


@cache
def _needs_spelling() -> re.Pattern[str]:
    stays = {ord(letter) for letter in composed_letters().values()}
    changed = {code for code in (*decomposed_images(), *mark_ranks()) if code > 0x7F} - stays
    return re.compile(f"[{''.join(map(re.escape, map(chr, sorted(changed))))}]")
