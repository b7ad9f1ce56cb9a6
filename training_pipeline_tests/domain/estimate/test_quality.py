from __future__ import annotations

import statistics
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.estimate.quality import LEAST, Kind, Outcome, by_kind, quality

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECONDS = st.floats(0.1, 1e6)


def outcome(middle: float, seconds: float, *, within: bool = True, model: str = "m", place: int = 0) -> Outcome:
    low, high = (seconds / 2, seconds * 2) if within else (seconds * 2, seconds * 3)
    return Outcome(
        f"tj-{place}", "triage", Kind(model, "lora", "here"), NOW, middle, low, high, seconds, "1 job like it"
    )


@given(st.lists(st.builds(outcome, SECONDS, SECONDS, within=st.booleans(), model=st.sampled_from("abc")), max_size=40))
def test_nothing_is_said_of_too_few_and_nothing_is_lost(outcomes: list[Outcome]) -> None:
    found = quality(outcomes)
    assert (found.jobs, found.within) == (len(outcomes), sum(each.within for each in outcomes))
    assert (found.share is None) == (found.median_error is None) == (len(outcomes) < LEAST)
    if found.share is not None and found.share_low is not None and found.share_high is not None:
        assert 0 <= found.share_low <= found.share <= found.share_high <= 1
        assert found.median_error == statistics.median(abs(each.middle / each.seconds - 1) for each in outcomes)
    kinds = by_kind(outcomes)
    assert sum(each.jobs for _, each in kinds) == found.jobs
    assert sum(each.within for _, each in kinds) == found.within
    assert [each.jobs for _, each in kinds] == sorted((each.jobs for _, each in kinds), reverse=True)


def test_an_estimate_beside_the_actual() -> None:
    assert outcome(120, 100).error == pytest.approx(0.2)
    assert outcome(50, 100).error == pytest.approx(-0.5)
    assert not outcome(50, 100, within=False).within
