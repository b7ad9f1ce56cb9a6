from __future__ import annotations

from collections.abc import Sequence

import pytest

from training_pipeline.sft.memory import halved


class Squares:
    """Squares numbers of which the sum is no more than `room`."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int] = []

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if sum(items) > self.room:
            raise MemoryError
        return [item * item for item in items]


def test_all_at_once_where_there_is_room() -> None:
    make = Squares(10)
    assert halved([1, 2, 3, 4], make, needed=True) == [1, 4, 9, 16]
    assert make.tried == [4]


def test_halves_where_memory_runs_out() -> None:
    make = Squares(4)
    assert halved([1, 2, 3, 4], make, needed=True) == [1, 4, 9, 16]
    assert make.tried == [4, 2, 2, 1, 1]


def test_what_is_too_much_alone_is_left_out_or_an_error() -> None:
    assert halved([1, 9, 2], Squares(4), needed=False) == [1, None, 4]
    with pytest.raises(MemoryError):
        halved([1, 9, 2], Squares(4), needed=True)


def test_another_error_is_no_reason_to_try_less() -> None:
    tried: list[int] = []

    def broken(items: Sequence[int]) -> list[int]:
        tried.append(len(items))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        halved([1, 2], broken, needed=False)
    assert tried == [2]
