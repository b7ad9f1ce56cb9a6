from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.api import parameters
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.paging import (
    DiffPosition,
    EventPosition,
    InvalidParameter,
    JobPosition,
    PairPosition,
    decode,
    encode,
)

KINDS = (JobPosition, EventPosition, PairPosition)


@given(st.datetimes(timezones=st.just(UTC)), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_a_cursor_leads_back_to_its_position(created_at: datetime, job_id: str) -> None:
    position = JobPosition(created_at=created_at, id=job_id)
    assert decode(JobPosition, encode(position)) == position


@given(st.text() | st.binary().map(lambda content: content.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    for kind in KINDS:
        with pytest.raises(InvalidParameter):
            decode(kind, text)


def test_the_longest_cursor_may_be_sent() -> None:
    (bounds,) = (one for one in get_args(parameters.Cursor)[1].metadata if hasattr(one, "max_length"))
    position = DiffPosition(first="a" * 64, second="b" * 64, changes=tuple(PairChange), pair_id="\x01" * 1024)
    assert 1000 < len(encode(position)) <= bounds.max_length


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        decode(JobPosition, encode(EventPosition(id=1)))
