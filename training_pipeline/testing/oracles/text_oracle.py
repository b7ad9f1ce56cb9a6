"""The forms of texts once more, in plain Python, written from the product's words and not from the code."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

SPACES = "".join(
    map(
        chr, [9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    )
)


def blank(text: str | None) -> bool:
    """Whether a text is missing or nothing but white space."""
    return text is None or not text.strip(SPACES)


def word(text: str | None) -> str:
    """A word of a vocabulary, as the rules compare it."""
    return (text or "").strip(" \t\n\r").lower()


def _invisible(character: str) -> bool:
    """Format and control characters, fillers, variation selectors and blanks: nothing of them is seen."""
    code = ord(character)
    ignorable = (
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0, 0x2800),
        *(*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFD), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
        *(0x1D159, *range(0x13430, 0x13440)),
    )
    return (
        character in SPACES
        or unicodedata.category(character) == "Cc"
        or code in ignorable
        or 0xE0000 <= code <= 0xE0FFF
    )


_LETTERS = {unicodedata.normalize("NFD", chr(code)): chr(code) for code in range(0xC0, 0x100)}


def _composed(text: str) -> str:
    """A decomposed text with the accented letters of Latin-1 as one character, where only one mark follows at first."""
    for pair, letter in _LETTERS.items():
        text = text.replace(pair, letter)
    return text


@lru_cache(maxsize=10_000)
def loose(text: str | None) -> str:
    """The text as questions and examples are compared."""
    seen = text or ""
    while True:
        plain = unicodedata.normalize("NFKD", seen)
        hidden = {c for c in set(plain) if _invisible(c)}
        spelled = unicodedata.normalize("NFKD", "".join(c for c in plain if c not in hidden))
        if (folded := unicodedata.normalize("NFKD", spelled.casefold())) == seen:
            break
        seen = folded
    seen = _composed(seen)
    punctuation = {c for c in set(seen) if unicodedata.category(c).startswith("P") or c in "$+<=>^`|~"}
    return seen.strip("".join(punctuation)) or seen


def strict(text: str | None) -> str | None:
    """The text as copies are compared."""
    return None if text is None else _composed(unicodedata.normalize("NFD", text)).strip(SPACES)
