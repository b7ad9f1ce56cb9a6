from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from training_pipeline.api.downloads import Archive


def test_an_archive_is_made_in_threads_while_it_is_sent() -> None:
    made: list[bool] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"PK", b"", b"-"):
            made.append(threading.current_thread() is threading.main_thread())
            yield piece

    answer = TestClient(Archive(pieces(), "tj-1")).get("/")
    assert (answer.content, answer.headers["content-type"]) == (b"PK-", "application/zip")
    assert made == [False, False, False]


def test_an_archive_that_cannot_be_made_breaks_off() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"PK"
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        TestClient(Archive(pieces(), "tj-1")).get("/")
