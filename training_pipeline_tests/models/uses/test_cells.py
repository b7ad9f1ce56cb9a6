from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.rules.policy import Reason
from training_pipeline.models.uses.cells import (
    OTHER,
    SLOTS,
    VERDICTS,
    counts,
    mark,
    unpacked,
    verdict_name,
    verdicts_of,
)

CODES = st.integers(1, 15)
DATASETS = st.dictionaries(st.integers(0, SLOTS * 3 - 1), st.dictionaries(st.integers(0, 40), CODES), max_size=6)


def test_every_reason_has_a_number_that_never_changes() -> None:
    assert set(VERDICTS) == {"train", "validation", *map(str, Reason)}
    # Stored indexes say what these numbers meant when they were written: append, and never move.
    assert VERDICTS[:11] == (
        "train",
        "validation",
        "invalid",
        "unlabeled",
        "rejected",
        "flagged",
        "training_not_allowed",
        "training_prohibited",
        "identical_to_prohibited",
        "held_out_prompt",
        "duplicate",
    )
    assert [verdict_name(code) for code in (1, 2, len(VERDICTS), OTHER)] == [
        "train",
        "validation",
        VERDICTS[-1],
        "other",
    ]


@given(DATASETS)
def test_what_is_marked_is_read_again_whatever_the_order_and_however_often(datasets: dict[int, dict[int, int]]) -> None:
    blocks: dict[int, bytes] = {}
    for slot, verdicts in [*datasets.items(), *reversed(datasets.items())]:
        stale = dict.fromkeys(range(5), 15)  # of an attempt that died, with other rows
        for stored in (stale, verdicts):
            rows = np.array(sorted(stored), dtype=np.int64)
            cells = unpacked(blocks.get(slot // SLOTS), int(rows.max(initial=-1)) + 1)
            mark(cells, slot, rows, np.array([stored[row] for row in rows.tolist()], dtype=np.uint8))
            blocks[slot // SLOTS] = cells.tobytes()
    for slot in range(SLOTS * 3):
        expected = datasets.get(slot, {})
        cells = unpacked(blocks.get(slot // SLOTS), 41)
        assert dict(enumerate(verdicts_of(cells, slot).tolist())) == {
            row: expected.get(row, 0) for row in range(len(cells))
        }
        of_block = counts(cells)[slot % SLOTS]
        assert of_block[1:].tolist() == [list(expected.values()).count(code) for code in range(1, 16)]
