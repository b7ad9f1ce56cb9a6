from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.api.middleware.rate_limit import Buckets, address_key


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


RATES = st.floats(0.01, 1000)
BURSTS = st.integers(1, 50)
PAUSES = st.lists(st.floats(0, 10), max_size=200)


@given(RATES, BURSTS, PAUSES)
def test_no_stretch_of_time_sees_more_than_the_burst_and_what_flows_in(
    rate: float, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    buckets, taken = Buckets(per_second=rate, burst=burst, clock=clock), []
    for pause in pauses:
        clock.now += pause
        if buckets.take("k") == 0:
            taken.append(clock.now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - start) * rate + 1e-3


@given(RATES, BURSTS, PAUSES)
def test_whoever_waits_as_long_as_told_gets_one_and_nobody_is_told_to_wait_in_vain(
    rate: float, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    buckets = Buckets(per_second=rate, burst=burst, clock=clock)
    for pause in pauses:
        clock.now += pause
        wait = buckets.take("k")
        if wait:
            assert wait <= 1 / rate * 1.001
            clock.now += wait
            assert buckets.take("k") == 0


@given(RATES, BURSTS, st.integers(1, 100))
def test_whoever_keeps_to_the_rate_never_waits(rate: float, burst: int, count: int) -> None:
    clock = Clock()
    buckets = Buckets(per_second=rate, burst=burst, clock=clock)
    for _ in range(count):
        assert buckets.take("k") == 0
        clock.now += 1 / rate


def test_each_has_a_bucket_and_looking_takes_nothing() -> None:
    buckets = Buckets(per_second=1, burst=2, clock=Clock())
    assert [buckets.take("a") for _ in range(2)] == [0, 0]
    assert buckets.take("a") == pytest.approx(1, rel=1e-3)
    assert [buckets.wait("b") for _ in range(9)] == [0] * 9
    assert len(buckets) == 1


def test_memory_is_bounded_and_the_one_unused_longest_is_forgotten() -> None:
    buckets = Buckets(per_second=1, burst=1, most=100, clock=Clock())
    for number in range(1000):
        assert buckets.take(str(number)) == 0
        assert len(buckets) <= 100
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_an_address_counts_as_what_one_machine_has(host: str | None, key: str) -> None:
    assert address_key(host) == key
