from __future__ import annotations

import datetime
from typing import Any

import pytest

from training_pipeline.domain.estimate.prices import PriceList, price_list

DAY = datetime.date(2026, 11, 1)
RIGHT: dict[str, Any] = {"currency": "EUR", "as_of": DAY, "per_hour": {"local": 0.2}}


def prices(**values: Any) -> PriceList:
    found = price_list({**RIGHT, **values})
    assert isinstance(found, PriceList), found
    return found


def test_an_hour_in_money_or_in_dbu() -> None:
    found = prices(dbu_per_hour={"GPU_1xH100": 8, "local": 99}, per_dbu=0.5)
    assert (found.hour("local"), found.hour("GPU_1xH100"), found.hour("GPU_1xA10")) == (0.2, 4.0, None)
    assert prices(dbu_per_hour={"GPU_1xH100": 8}).hour("GPU_1xH100") is None
    assert "not per_dbu" in prices(dbu_per_hour={"GPU_1xH100": 8}).missing("GPU_1xH100")
    assert "did 'GPU_1xH10' mean it" in prices(per_hour={"GPU_1xH10": 1}).missing("GPU_1xH100")
    assert prices(per_hour={}).missing("local").endswith("no price for 'local'")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"curency": "EUR"}, "no key 'curency', did you mean 'currency'"),
        ({"currency": "euro"}, "currency"),
        ({"as_of": "last year"}, "as_of"),
        ({"per_hour": {"local": -1}}, "per_hour.local"),
        ({"per_hour": {"local": float("nan")}}, "per_hour.local"),
        ({"per_hour": {"local": True}}, "per_hour.local: Input should be a valid number"),
        ({"per_hour": {"local": "0,42"}}, "per_hour.local: Input should be a valid number"),
        ({"per_dbu": "free"}, "per_dbu"),
        ({"per_hours": {}}, "no key 'per_hours', did you mean 'per_hour'"),
        ({"per_hour": 3}, "per_hour"),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, Any], said: str) -> None:
    found = price_list({**RIGHT, **wrong})
    assert isinstance(found, str)
    assert said in found


def test_everything_is_said_at_once() -> None:
    found = price_list({"curency": "EUR", "as_of": 1.5})
    assert isinstance(found, str)
    assert all(word in found for word in ("curency", "currency: Field required", "as_of"))
    assert "mapping" in str(price_list([1]))


@pytest.mark.parametrize(
    ("today", "said"),
    [(DAY, None), (DAY.replace(year=2027), "365 days old"), (DAY.replace(year=2025), "yet to come")],
)
def test_an_old_list_is_said_to_be_old(today: datetime.date, said: str | None) -> None:
    notes = prices().notes(today, ["local"])
    assert (said is None) == (notes == [])
    assert all(said in note for note in notes if said)


def test_two_prices_of_one_machine_are_said() -> None:
    (note,) = prices(dbu_per_hour={"local": 3}, per_dbu=1).notes(DAY, ["local"])
    assert note == "The price list has two prices for local: per_hour counts."


def test_a_price_of_what_there_is_not_is_said() -> None:
    (note,) = prices(per_hour={"lokal": 1, "local": 2}).notes(DAY, ["local", "GPU_1xA10"])
    assert "lokal" in note
    assert "GPU_1xA10, local" in note
