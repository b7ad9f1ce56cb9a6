"""Estimates of a job's duration and cost, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.cli.render.progress import clock

if TYPE_CHECKING:
    from training_pipeline.schemas.advice import ActualCost, Estimate, Estimated


def time(found: Estimate) -> str:
    """How long it trains, with the interval and what it rests on; or why that is not known."""
    one = found.time
    if one.middle is None or one.low is None or one.high is None:
        return f"not known: {one.reason}"
    return f"{clock(one.middle)} ({clock(one.low)} to {clock(one.high)}, {found.coverage:.0%}); {one.basis}"


def cost(found: Estimate) -> str:
    """What it costs, with the interval; or why that is not known. What is to be said of the price list comes after."""
    return " ".join([_cost(found.cost, found.currency or ""), *found.notes])


def actual_cost(found: ActualCost) -> str | None:
    """What a job has cost, with what that rests on; None where nothing of it is known."""
    if found.amount is not None:
        return f"{money(found.amount)} {found.currency}; {found.basis}."
    return None if found.dbu is None else f"{found.dbu:,.2f} DBU; the price list does not say what one costs."


def _cost(one: Estimated, currency: str) -> str:
    if one.middle is None or one.low is None or one.high is None:
        return f"not known: {one.reason}."
    return f"{money(one.middle)} {currency} ({money(one.low)} to {money(one.high)}); {one.basis}."


def money(amount: float) -> str:
    """An amount, with more digits of a small one."""
    return f"{amount:,.2f}" if amount >= 1 or amount == 0 else f"{amount:.2g}"
