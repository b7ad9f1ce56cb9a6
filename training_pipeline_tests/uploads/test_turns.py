from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from training_pipeline.testing.polling import until
from training_pipeline.uploads.turns import TooManyUploads, UploadTurns


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_so_many_at_once_and_no_more(held: ExitStack) -> None:
    turns = UploadTurns(2, patience=0.01)
    with turns.of("ada", waits=False), turns.of("bob", waits=False):
        for waits in (False, True):
            with pytest.raises(TooManyUploads, match="2 files are"), turns.of("eve", waits=waits):
                raise AssertionError
    with turns.of("eve", waits=False):
        pass


def test_one_person_cannot_have_them_all(held: ExitStack) -> None:
    turns = UploadTurns(4, patience=0.01)
    for _ in range(3):
        held.enter_context(turns.of("ada", waits=False))
    for waits in (False, True):
        with pytest.raises(TooManyUploads, match="3 of your files"), turns.of("ada", waits=waits):
            raise AssertionError
    with turns.of("eve", waits=False):
        pass


def test_the_only_one_may_be_anybodys() -> None:
    turns = UploadTurns(1, patience=0.01)
    with turns.of("ada", waits=False):
        pass
    with turns.of("ada", waits=True):
        pass


def test_who_waits_has_the_turn_that_becomes_free_and_waits_with_few_threads(held: ExitStack) -> None:
    turns = UploadTurns(2, patience=60)
    held.enter_context(turns.of("eve", waits=False))

    def look() -> str:
        with turns.of("ada", waits=True):
            return "looked"

    with ThreadPoolExecutor(2) as pool:
        with turns.of("ada", waits=False):
            first: Future[str] = pool.submit(look)
            until(lambda: turns._waiting["ada"] == 1, what="the one that waits")
            with pytest.raises(TooManyUploads), turns.of("ada", waits=True):
                raise AssertionError
            assert not first.done()
        assert first.result(60) == "looked"
