"""What may have happened to a pair from one training sheet, or version of it, to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SheetChange(StrEnum):
    """In the order in which it is told. Several may have happened to one pair."""

    ADDED = "added"
    REMOVED = "removed"
    EDITED = "edited"
    RENAMED = "renamed"
    STATUS = "status"
    USES = "uses"
    CLASSIFICATION = "classification"
    ITEM = "item"
    DECIDED = "decided"


MEANINGS: Final = {
    SheetChange.ADDED: "Only the new sheet has it.",
    SheetChange.REMOVED: "Only the old sheet has it.",
    SheetChange.EDITED: "Another text.",
    SheetChange.RENAMED: "The same example under another pair id.",
    SheetChange.STATUS: "Another status.",
    SheetChange.USES: "Other allowed or prohibited uses.",
    SheetChange.CLASSIFICATION: "Another data classification.",
    SheetChange.ITEM: "Another item or canonical label.",
    SheetChange.DECIDED: "Reviewed, or its constraints set, by somebody else or at another time.",
}
