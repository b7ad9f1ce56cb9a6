"""JSON as sheets take it: a text is one whole value or none at all, and no object has a key twice."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final, NoReturn

#: What is parsed of a text that is no JSON.
NO_JSON: Final = object()


class Ambiguous(dict[str, Any]):
    """An object of which a key stands twice. Readers disagree about which of the values counts; here the first does."""


def first_counts(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: an object, `Ambiguous` where a key stands twice."""
    values = dict(pairs)
    return values if len(values) == len(pairs) else Ambiguous(reversed(pairs))


def read(text: str) -> object:
    """The value in a text; `NO_JSON` where it is none."""
    try:
        value: object = json.loads(text, object_pairs_hook=first_counts, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return NO_JSON
    return value


def parsed(text: str) -> object:
    """The same, and `NO_JSON` where a key stands twice in the value."""
    value = read(text)
    return NO_JSON if is_ambiguous(value) else value


def is_ambiguous(value: object) -> bool:
    """Whether a key stands twice in an object anywhere in a value that was read with `first_counts`."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Ambiguous):
            return True
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return False


def is_finite(value: object) -> bool:
    """Whether JSON has the value, and a double can hold each of its numbers: others would be read as infinite."""
    try:
        json.loads(json.dumps(value, default=str, allow_nan=False), parse_int=_held)
    except (ValueError, RecursionError):
        return False
    return True


def as_double(value: object) -> float | None:
    """The number as a double; None for what is no number, and for one that no double can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _held(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("no double can hold a number")
    return number


def no_constant(name: str) -> NoReturn:
    """For `json.loads`: raises `ValueError` for NaN and Infinity, which Python would read and JSON does not have."""
    raise ValueError(f"{name} is no JSON")
