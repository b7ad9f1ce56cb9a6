from __future__ import annotations

import datetime

import pytest

from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.estimate.spent import Spent, spent

DATED = {"currency": "EUR", "as_of": datetime.date(2026, 11, 1)}


def test_what_was_billed_counts_before_the_duration() -> None:
    prices = PriceList(**DATED, per_hour={"GPU_1xH100": 3.6}, per_dbu=0.5)
    billed = spent(prices, "GPU_1xH100", seconds=1000, dbu=3.0)
    assert (billed.dbu, billed.amount, billed.currency) == (3.0, 1.5, "EUR")
    assert billed.basis == "3.00 DBU billed, 0.5 EUR each, as of 2026-11-01"
    not_yet = spent(prices, "GPU_1xH100", seconds=1000, dbu=None)
    assert not_yet.amount == pytest.approx(1.0)
    assert not_yet.basis == "its duration, 3.6 EUR an hour, as of 2026-11-01"


def test_what_is_not_known_is_null() -> None:
    prices = PriceList(**DATED, per_hour={"local": 3.6})
    assert spent(prices, "GPU_1xH100", seconds=1000, dbu=3.0) == Spent(dbu=3.0)
    assert spent(None, "local", seconds=1000, dbu=None) == Spent()
    assert spent(prices, "local", seconds=None, dbu=None) == Spent()
