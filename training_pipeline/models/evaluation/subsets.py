"""What a suite may be called, and parts of its pairs: a half, a slice. No engine is needed to name them."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

#: What a suite may be called: as a model may.
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
#: So many sheets can be in one suite.
MOST_SHEETS: Final = 50


class Half(StrEnum):
    """A half of a suite: one chooses among models, and the other one says how good the chosen one is."""

    CHOOSING = "choosing"
    HELD_BACK = "held_back"


def half_of(sheet_id: str, item_ref: str) -> Half:
    """The half of all pairs on an item of a source sheet, by a hash: the same in every suite, for ever."""
    digest = hashlib.sha256(f"{sheet_id}\n{item_ref}".encode()).digest()
    return Half.HELD_BACK if digest[0] % 2 else Half.CHOOSING


class Slice(BaseModel):
    """The pairs of which the column `by` has this value."""

    model_config = ConfigDict(frozen=True)

    by: str
    value: str

    def __str__(self) -> str:
        return f"{self.by}={self.value}"
