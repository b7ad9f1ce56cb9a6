"""What of the suite the gate runs, and in which order."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from training_pipeline.testing.soak import diagonals, drawn, share
from training_pipeline_tests.conftest import LONGEST

TABLE = list(product(range(13), range(15)))


def parts(seed: int) -> list[tuple[int, int]]:
    return diagonals(TABLE, 8, lambda cell: cell[0], lambda cell: cell[1], seed)


def test_the_files_that_begin_are_there_and_named_once() -> None:
    here = Path(__file__).parent
    assert [file for file in LONGEST if not (here / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


@pytest.mark.parametrize("seed", range(8))
def test_a_part_of_a_table_has_some_of_each_row_and_column(seed: int) -> None:
    rows, columns = (set(side) for side in zip(*parts(seed), strict=True))
    assert (len(rows), len(columns)) == (13, 15)


def test_each_seed_draws_its_own_and_all_seeds_everything() -> None:
    assert [drawn("abc", seed, whole=False) for seed in range(4)] == [["a"], ["b"], ["c"], ["a"]]
    assert drawn("abc", 1, whole=True) == ["a", "b", "c"]
    assert ["".join(share("abcde", 3, seed, whole=False)) for seed in range(4)] == ["ad", "be", "c", "ad"]
    assert share("abc", 3, 1, whole=True) == ["a", "b", "c"]
    assert sorted(cell for seed in range(8) for cell in parts(seed)) == TABLE
    assert parts(3) == parts(11) != parts(4)
