"""What may have happened to a pair from one training job to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PairChange(StrEnum):
    """A pair that moved may be edited or renamed as well; no other two go together."""

    ADDED = "added"
    REMOVED = "removed"
    EDITED = "edited"
    RENAMED = "renamed"
    MOVED = "moved"


MEANINGS: Final = {
    PairChange.ADDED: "Only the second job used it.",
    PairChange.REMOVED: "Only the first job used it.",
    PairChange.EDITED: "Both used it, with another text.",
    PairChange.RENAMED: "Both used the same example, under another pair id.",
    PairChange.MOVED: "Both used it, on the other side of the split.",
}
