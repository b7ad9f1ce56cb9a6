from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.schemas.paging import EventPosition, InvalidParameter, JobPosition, PairPosition, decode, encode

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


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        decode(JobPosition, encode(EventPosition(id=1)))
