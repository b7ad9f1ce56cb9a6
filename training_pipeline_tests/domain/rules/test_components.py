"""Groups of what is connected."""

from __future__ import annotations

import numpy as np

from training_pipeline.domain.rules.components import connected, first_rows


def test_groups_are_numbered_in_the_order_of_their_first_things() -> None:
    group = connected(np.array([4, 1]), np.array([2, 4]), 6)
    assert group.tolist() == [0, 1, 1, 2, 1, 3]
    assert first_rows(group).tolist() == [0, 1, 3, 5]


def test_nothing_is_connected_to_nothing() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert connected(nothing, nothing, 3).tolist() == [0, 1, 2]
