"""What nearly equal questions tie, and where a chain of them is cut."""

from __future__ import annotations

import numpy as np

from training_pipeline.domain.rules.near.questions import NearPairs
from training_pipeline.domain.rules.near.ties import NearTies, tie_nearly


def tied(rows: int, pairs: list[tuple[int, int, float]], component: list[int] | None = None) -> NearTies:
    numbers = np.arange(rows) if component is None else np.array(component)
    first, second, similarity = (np.array(column) for column in zip(*pairs, strict=True))
    return tie_nearly(numbers, NearPairs(first, second, similarity))


def test_near_questions_tie_their_components() -> None:
    made = tied(6, [(0, 3, 0.8)], component=[0, 1, 1, 1, 2, 3])
    assert made.component.tolist() == [0, 0, 0, 0, 1, 2]
    assert (made.tied, made.tightened, made.too_large) == (4, 0, 0)


def test_a_pair_that_is_tied_already_is_not_counted() -> None:
    made = tied(4, [(0, 1, 0.9)], component=[0, 0, 1, 2])
    assert (made.component.tolist(), made.tied) == ([0, 0, 1, 2], 0)


def chain(length: int, similarity: float) -> list[tuple[int, int, float]]:
    return [(row, row + 1, similarity) for row in range(length - 1)]


def test_a_group_of_up_to_20_pairs_is_left_alone_in_any_sheet() -> None:
    for rows in (20, 100, 199):
        made = tied(rows, chain(20, 0.8))
        assert (np.bincount(made.component).max(), made.tightened) == (20, 0)
        assert made.too_large == 1, "it is told of"


def test_a_group_is_told_of_where_it_holds_more_than_5_percent_and_more_than_5_pairs() -> None:
    found = [tied(rows, chain(length, 0.8)).too_large for rows, length in ((50, 5), (50, 6), (200, 10), (200, 11))]
    assert found == [0, 1, 0, 1]
    assert tied(200, [(0, 15, 0.8)], component=[*[0] * 15, *range(1, 186)]).too_large == 0, "one item has most of it"


def test_a_group_of_more_than_5_percent_is_tightened_until_it_is_small_enough() -> None:
    for similarity, left in ((0.8, 1), (0.87, 1), (0.92, 1), (0.96, 60)):
        made = tied(1000, chain(60, similarity))
        assert np.bincount(made.component).max() == left
        assert (made.tightened, made.too_large) == (1, int(left == 60)), "what is nearly the same stays together"


def test_only_the_group_that_is_too_large_is_tightened() -> None:
    loose = [(row + 100, row + 101, 0.8) for row in range(10)]
    made = tied(1000, [*chain(60, 0.8), (5, 6, 0.9), *loose])
    assert sorted(np.bincount(made.component).tolist())[-2:] == [2, 11]


def test_a_group_is_not_tightened_more_than_it_must_be() -> None:
    """Two halves of 30 that hang together by a weak tie."""
    made = tied(1000, [*((row, row + 1, 0.86) for row in range(59) if row != 29), (29, 30, 0.81)])
    assert sorted(np.bincount(made.component).tolist())[-2:] == [30, 30]


def test_a_component_that_is_large_by_itself_is_no_reason_to_let_go_of_what_is_near_to_it() -> None:
    made = tied(1000, [(0, 500, 0.8)], component=[*[0] * 500, *range(1, 501)])
    assert (int(np.bincount(made.component).max()), made.tightened) == (501, 0)
