"""Parts are built when they are asked for, once, whichever threads ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, RLock

import pytest

from training_pipeline.app.part import later, part


class Parts:
    def __init__(self) -> None:
        self._building = RLock()
        self.built: list[str] = []
        self.fails = False

    @part
    def engine(self) -> object:
        """An engine."""
        self.built.append("engine")
        if self.fails:
            raise ValueError("no fuel")
        return object()

    @part
    def car(self) -> tuple[object]:
        self.built.append("car")
        return (self.engine,)


def test_nothing_is_built_before_it_is_asked_for_and_nothing_twice() -> None:
    parts = Parts()
    assert parts.built == []
    assert parts.car[0] is parts.engine
    assert parts.car is parts.car
    assert parts.built == ["car", "engine"]
    assert Parts.engine.__doc__ == "An engine."


def test_many_threads_find_the_same_part() -> None:
    parts, barrier = Parts(), Barrier(8)

    def ask(_: int) -> object:
        barrier.wait()
        return parts.car[0]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert parts.built == ["car", "engine"]


def test_a_part_that_could_not_be_built_is_tried_again() -> None:
    parts = Parts()
    parts.fails = True
    with pytest.raises(ValueError, match="no fuel"):
        _ = parts.car
    parts.fails = False
    assert parts.car[0] is parts.engine


def test_what_stands_for_a_part_builds_it_with_the_first_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build() -> list[str]:
        built.append("one")
        return built

    stands: list[str] = later(build)
    assert built == []
    stands.append("two")
    assert built == ["one", "two"]
