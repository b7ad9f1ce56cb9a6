from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from training_pipeline.domain.job_id import MADE, is_job_id, made_at, new_job_id


def test_an_id_tells_when_it_was_made_and_is_never_made_twice() -> None:
    now = datetime(2026, 11, 23, 7, 21, 45, tzinfo=UTC)
    ids = {new_job_id(now) for _ in range(20)}
    assert len(ids) == 20
    assert all(one.startswith("tj-20261123-072145-") and is_job_id(one) for one in ids)
    assert all(re.fullmatch(MADE, one) and made_at(one) == "20261123072145" for one in ids)


@pytest.mark.parametrize("text", ["tj-1", "a", "_", "A" * 64])
def test_what_can_be_an_id(text: str) -> None:
    assert is_job_id(text)


@pytest.mark.parametrize("text", ["", "A" * 65, "..", "a.b", "a/b", "a b", "a\n", "é", "\x00"])
def test_what_cannot(text: str) -> None:
    assert not is_job_id(text)


@pytest.mark.parametrize(
    ("job_id", "digits"),
    [
        ("tj-20261123-072145-9f3a2c", "20261123072145"),
        ("ev-20261123-072145-9f3a2c", "20261123072145"),
        ("ev-tj-20261123-072145-9f3a2c-held_back", "20261123072145"),
        ("tj-1", None),
        ("x", None),
    ],
)
def test_the_time_in_a_job_id(job_id: str, digits: str | None) -> None:
    assert made_at(job_id) == digits
