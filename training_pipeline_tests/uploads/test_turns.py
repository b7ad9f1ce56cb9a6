from __future__ import annotations

import pytest

from training_pipeline.uploads.turns import TooManyUploads, upload_turns


def test_it_is_said_whose_uploads_are_too_many() -> None:
    turns = upload_turns(2, wait_seconds=0.01)
    with turns.of("ada", waits=False):
        with pytest.raises(TooManyUploads, match=r"^1 of your files are"), turns.of("ada", waits=False):
            raise AssertionError
        with turns.of("bob", waits=False), pytest.raises(TooManyUploads, match=r"^2 files are"):
            turns.of("eve", waits=False).__enter__()
