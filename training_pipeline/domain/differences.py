"""What differs between records of several things: nested values by dotted name. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested value as one level, by dotted name; an empty mapping has none."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, Mapping):
            found |= flat(each, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = each
    return found


def differing(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What differs between these records: by dotted name, in the order of the names, the value in each of them.

    A name that a record does not have is not on record there: its value is None, and makes no difference on its own.
    """
    known = [flat(record) for record in records]
    names = sorted({name for record in known for name in record})
    return {
        name: [record.get(name) for record in known]
        for name in names
        if any(record[name] != other[name] for record, other in _pairs_with(known, name))
    }


def _pairs_with(known: Sequence[Mapping[str, Any]], name: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The first record that has the name, beside each other one that has it."""
    having = [record for record in known if name in record]
    return [(having[0], other) for other in having[1:]]
