from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from training_pipeline.domain.advice.interval import wilson


@given(count=st.integers(1, 5000), data=st.data())
def test_it_is_wilsons(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_nothing_is_known_of_nothing() -> None:
    assert wilson(0.8, 0) == (0.0, 1.0)
