"""What a job has cost: what was billed where that is known, else its duration, at the prices of the users' list."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.estimate.prices import PriceList


class Spent(BaseModel):
    """What a job has cost. Null is what is not known; `basis` says what the amount rests on."""

    model_config = ConfigDict(frozen=True)

    #: What Databricks billed.
    dbu: float | None = None
    amount: float | None = None
    currency: str | None = None
    basis: str = ""


def spent(prices: PriceList | None, machine: str, *, seconds: float | None, dbu: float | None) -> Spent:
    """What a job on a machine has cost that trained so long, of which so many DBU were billed, if any yet."""
    if prices is None or seconds is None:
        return Spent(dbu=dbu)
    dated = f"as of {prices.as_of}"
    if dbu is not None and prices.per_dbu is not None:
        basis = f"{dbu:,.2f} DBU billed, {prices.per_dbu:g} {prices.currency} each, {dated}"
        return Spent(dbu=dbu, amount=dbu * prices.per_dbu, currency=prices.currency, basis=basis)
    hour = prices.hour(machine)
    if hour is None:
        return Spent(dbu=dbu)
    basis = f"its duration, {hour:g} {prices.currency} an hour, {dated}"
    return Spent(dbu=dbu, amount=hour * seconds / 3600, currency=prices.currency, basis=basis)
