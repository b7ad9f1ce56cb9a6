"""What an answer is worth beside the expert's: numbers from texts, so that no text need be kept.

The names are those of `models.evaluation.metrics`. A score that says nothing of a pair is None.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: What ends a sentence or stands around a quotation, and is no part of an answer.
_QUOTES: Final = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c\u300d"
_ENDS: Final = ".,;:!?\u2026\u3002\u3001\uff0c\uff1b\uff1a\uff01\uff1f"
#: Characters of scripts that put no spaces between words: each is compared on its own.
_UNSPACED: Final = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
#: So many words at most have the answers of each slice by length, the last one aside.
_LENGTHS: Final = (4, 16, 64, 256)
_WORDS: Final = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+")


def score(expected: str, answer: str | None) -> dict[str, float | None]:
    """The scores that need no more than two texts; an answer that there is none of is an empty one.

    `json_valid` and `json_f1` are None where the expert's answer is no JSON object or array.
    """
    given = answer or ""
    structure = _json(expected)
    is_structure = isinstance(structure, dict | list)
    written = _json(given) if is_structure else None
    return {
        "exact_match": float(given.strip() == expected.strip()),
        "normalised_match": float(normalised(given) == normalised(expected)),
        "json_valid": float(written is not _NO_JSON) if is_structure else None,
        "json_f1": field_f1(structure, written) if is_structure else None,
        "rouge_l": rouge_l(words(expected), words(given)),
    }


def normalised(text: str) -> str:
    """An answer without what says nothing: case, accents' spelling, full-width forms, invisible characters, how many
    blanks, quotation marks around it and the end of a sentence. Of what was normalised it changes nothing.

    Signs stay, and what is raised: "-5", ".5", "5 %", "C#" and "x²" are not "5", "C" and "x2".
    """
    found = " ".join(_folded(text).split())
    while (inner := found.lstrip(_QUOTES).rstrip(_QUOTES + _ENDS).strip()) != found and inner:
        found = inner
    return found


def _folded(text: str) -> str:
    plain = "".join(unicodedata.normalize("NFKC", letter) if _is_form(letter) else letter for letter in text)
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", plain).casefold())
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")


def _is_form(letter: str) -> bool:
    """Whether it is another character, only wider, narrower, or tied to its neighbour."""
    return unicodedata.decomposition(letter).startswith(("<wide>", "<narrow>", "<noBreak>", "<compat>"))


def words(text: str) -> list[str]:
    """The words of a text as they are compared, without punctuation."""
    return _WORDS.findall(_folded(text))


def rouge_l(expected: Sequence[str], given: Sequence[str]) -> float:
    """The F1 of the longest common subsequence of two texts' words; 1 for two texts without any."""
    if not expected and not given:
        return 1.0
    return 2 * common_subsequence(expected, given) / (len(expected) + len(given))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    All places of `first` are bits of one number, so that a word of `second` costs a few operations on numbers.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << index
    every = (1 << len(first)) - 1
    unmatched = every
    for word in second:
        matched = unmatched & places.get(word, 0)
        unmatched = ((unmatched + matched) | (unmatched - matched)) & every
    return len(first) - unmatched.bit_count()


class _NoJson:
    """What a text is that is no JSON: not the same as `null`."""


_NO_JSON: Final = _NoJson()


def _json(text: str) -> Any:
    try:
        return json.loads(text.strip(), parse_constant=_refused)
    except (ValueError, RecursionError):
        return _NO_JSON


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def field_f1(expected: Any, given: Any) -> float:
    """The F1 of the fields of two JSON values: a field is where a value stands, and the value. 0 for no JSON.

    Values in lists are known by their place. `1` and `1.0` are one number; `true` is none.
    """
    if given is _NO_JSON:
        return 0.0
    ours, theirs = _fields(expected), _fields(given)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


def _fields(value: Any) -> set[tuple[tuple[str | int, ...], str, Any]]:
    """Where each value stands that holds no others, its kind, and the value itself."""
    found: set[tuple[tuple[str | int, ...], str, Any]] = set()
    left: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while left:
        path, each = left.pop()
        inner = list(each.items()) if isinstance(each, dict) else list(enumerate(each)) if _is_list(each) else []
        if inner:
            left += [((*path, key), held) for key, held in inner]
        elif isinstance(each, dict | list):
            found.add((path, type(each).__name__, None))
        else:
            number = isinstance(each, int | float) and not isinstance(each, bool)
            found.add((path, "number" if number else type(each).__name__, each))
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def token_losses(logprobs: Floats, lengths: Sequence[int]) -> Floats:
    """The mean negative log probability of a token of each text, NaN for a text without tokens.

    `logprobs` are those of all texts' tokens one after the other, `lengths` how many each has.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    if counts.sum() != len(logprobs) or (counts < 0).any():
        raise ValueError(f"the lengths add up to {counts.sum()}, and there are {len(logprobs)} log probabilities")
    owner = np.repeat(np.arange(len(counts)), counts)
    sums = np.bincount(owner, weights=-np.asarray(logprobs, dtype=np.float64), minlength=len(counts))
    means = np.full(len(counts), np.nan)
    means[counts > 0] = sums[counts > 0] / counts[counts > 0]
    return means


def bits_per_byte(token_loss: float, tokens: int, text: str) -> float | None:
    """What a text costs a model in bits, for each byte of it as UTF-8; None for an empty text.

    A token's loss says nothing beside that of a model with other tokens; this does.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    return token_loss * tokens / (math.log(2) * size) if size else None


def choices(losses: Floats) -> Floats:
    """1 where the expert's answer, the first of each row, has a smaller loss than every other, else 0.

    NaN where the loss of one of them is not known, or there is nothing to choose from.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 2 or losses.shape[1] < 2:
        return np.full(len(losses), np.nan)
    right = (losses[:, :1] < losses[:, 1:]).all(axis=1).astype(np.float64)
    return np.where(np.isnan(losses).any(axis=1), np.nan, right)


def length(expected: str) -> str:
    """How long the expert's answer is, as a slice of an evaluation: bounds that are the same for every suite."""
    count = len(words(expected))
    least = 0
    for most in _LENGTHS:
        if count <= most:
            return f"{least} to {most} words"
        least = most + 1
    return f"{least} words and more"
