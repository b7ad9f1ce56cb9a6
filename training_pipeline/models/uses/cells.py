"""What datasets did with rows, in half a byte each: a matrix of rows and datasets, cut into blocks.

A block holds 4,096 rows of a sheet (a chunk) and 32 of its datasets. The row's number in the chunk says where its
16 bytes are, so that a lookup reads these and no more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_pipeline.domain.rules.policy import Reason

CHUNK: Final = 4096
SLOTS: Final = 32
#: Bytes of a row in a block.
WIDTH: Final = SLOTS // 2

#: What half a byte means, from 1 on; 0 is a row that the dataset's sheet did not have. Append only: it is stored.
VERDICTS: Final = (
    "train",
    "validation",
    str(Reason.INVALID),
    str(Reason.UNLABELED),
    str(Reason.REJECTED),
    str(Reason.FLAGGED),
    str(Reason.TRAINING_NOT_ALLOWED),
    str(Reason.TRAINING_PROHIBITED),
    str(Reason.IDENTICAL_TO_PROHIBITED),
    str(Reason.HELD_OUT_PROMPT),
    str(Reason.DUPLICATE),
    str(Reason.REVOKED),
)
#: A reason that has no number of its own here; the manifest says which.
OTHER: Final = 15

Cells = NDArray[np.uint8]


def verdict_name(code: int) -> str:
    """The split, or the reason for the exclusion, that half a byte stands for."""
    return VERDICTS[code - 1] if 0 < code <= len(VERDICTS) else "other"


def unpacked(stored: bytes | memoryview | None, rows: int) -> Cells:
    """The cells of a block for at least so many rows, which may be written to; what was not stored is 0."""
    found = np.frombuffer(stored or b"", dtype=np.uint8).reshape(-1, WIDTH)
    cells = np.zeros((max(rows, len(found)), WIDTH), dtype=np.uint8)
    cells[: len(found)] = found
    return cells


def mark(cells: Cells, slot: int, rows: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
    """Write the verdicts of one dataset on rows of the chunk, in place; its verdicts on others become 0."""
    byte, high = divmod(slot % SLOTS, 2)
    shift = 4 * high
    cells[:, byte] &= 0x0F if high else 0xF0
    cells[rows, byte] |= codes << shift


def verdicts_of(cells: Cells, slot: int) -> NDArray[np.uint8]:
    """The verdicts of one dataset on the rows of `cells`."""
    byte, high = divmod(slot % SLOTS, 2)
    return ((cells[:, byte] >> (4 * high)) & 15).astype(np.uint8)


def counts(cells: Cells) -> NDArray[np.int64]:
    """For each of the block's datasets, how many of the rows have each verdict: a matrix of 32 and 16."""
    codes = np.empty((len(cells), SLOTS), dtype=np.int64)
    codes[:, 0::2] = cells & 15
    codes[:, 1::2] = cells >> 4
    flat = codes + np.arange(SLOTS) * 16
    return np.bincount(flat.ravel(), minlength=SLOTS * 16).reshape(SLOTS, 16)
