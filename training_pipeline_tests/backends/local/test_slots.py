from __future__ import annotations

import os
from pathlib import Path

from training_pipeline.backends.local.slots import Turn, has_room, is_wanted


def turn(directory: Path, submitted_at: float, slots: int = 1) -> Turn:
    return Turn(directory, slots=slots, submitted_at=submitted_at, run_name=f"tj-{submitted_at:g}-1")


def test_there_are_as_many_slots_as_were_given(tmp_path: Path) -> None:
    taken = [turn(tmp_path, at, slots=2).take() for at in (1.0, 2.0, 3.0)]
    assert [slot is None for slot in taken] == [False, False, True]
    assert taken[0] is not None
    os.close(taken[0])
    assert turn(tmp_path, 4.0, slots=2).take() is None, "the third one is older"


def test_the_oldest_is_next_whoever_asks_first(tmp_path: Path) -> None:
    holder = turn(tmp_path, 1.0).take()
    assert holder is not None
    old, young = turn(tmp_path, 2.0), turn(tmp_path, 10.0)
    assert young.take() is None
    assert old.take() is None
    os.close(holder)
    assert young.take() is None
    assert old.take() is not None
    assert not list(tmp_path.glob("*2*.ticket"))


def test_a_slot_is_wanted_as_long_as_somebody_waits(tmp_path: Path) -> None:
    holder = turn(tmp_path, 1.0).take()
    assert holder is not None
    assert not is_wanted(tmp_path)
    waiting = turn(tmp_path, 2.0)
    assert waiting.take() is None
    assert is_wanted(tmp_path)
    os.close(holder)
    assert not has_room(tmp_path, 1), "the slot is free, but for the one who waits"
    waiting.leave()
    assert not is_wanted(tmp_path)
    assert has_room(tmp_path, 1)


def test_who_leaves_or_dies_is_not_waited_for(tmp_path: Path) -> None:
    holder = turn(tmp_path, 1.0).take()
    assert holder is not None
    old, young = turn(tmp_path, 2.0), turn(tmp_path, 3.0)
    assert old.take() is None
    assert young.take() is None
    (tmp_path / f"{1_500_000:020d}-tj-dead-1.ticket").touch()
    os.close(holder)
    old.leave()
    old.leave()
    assert young.take() is not None
