"""Pair ids in a sentence. `sft/encoding/pair_ids.py` has the same: the training program imports nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Pairs that a sentence names before it only counts.
NAMED: Final = 10
_SHOWN: Final = 100


def listed(ids: Sequence[str], count: int) -> str:
    """`ids` in words, the first `NAMED`, and how many more there are of `count`."""
    shown = ", ".join(quoted(pair_id) for pair_id in ids[:NAMED])
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{'pair' if count == 1 else 'pairs'} {shown}{more}"


def quoted(pair_id: str) -> str:
    """A pair id in quotes, at most a line of it."""
    shown = pair_id if len(pair_id) <= _SHOWN else f"{pair_id[:_SHOWN]}…"
    return repr(shown)
