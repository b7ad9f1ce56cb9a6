"""JSON text as sheets take it: one whole value, or none at all. Pure."""

from __future__ import annotations

import json
from typing import Final, NoReturn

#: What is parsed of a text that is no JSON.
NO_JSON: Final = object()


def parsed(text: str) -> object:
    """The value in a text; `NO_JSON` where it is none."""
    try:
        return json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return NO_JSON


def no_constant(name: str) -> NoReturn:
    """For `json.loads`: raises `ValueError` for NaN and Infinity, which Python would read and JSON does not have."""
    raise ValueError(f"{name} is no JSON")
