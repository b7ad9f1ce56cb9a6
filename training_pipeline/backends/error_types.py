"""What runs that failed say of why, where somebody else acts on it. Supervisors import it: nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: It asked for its questions, and got none in time.
UNANSWERED: Final = "Unanswered"


def cause_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the result.json of a program that failed says of the cause beside its sentence."""
    return {name: result[name] for name in ("error_type", "code", "pair_ids") if result.get(name)}
