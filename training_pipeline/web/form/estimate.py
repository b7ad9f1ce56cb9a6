"""How long a planned job will train and what it will cost, with the interval and what that rests on."""

from __future__ import annotations

from collections.abc import Callable

from training_pipeline.schemas.advice import Estimate, Estimated
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, icon, link, text_fact


def show_estimate(found: Estimate) -> None:
    """Show the estimates of time and cost, or why there is none, and what is to be said of the price list."""
    with Tag("div", classes="estimate"):
        with Tag("dl", classes="facts"):
            text_fact("Training time", interval(found.time, formats.seconds) or "not known")
            text_fact("Cost", interval(found.cost, lambda cost: amount(cost, found.currency)) or "not known")
        for name, one in (("Time", found.time), ("Cost", found.cost)):
            why = one.basis or one.reason
            Tag("p", f"{name}: {why.rstrip('.')}.", classes="help")
        with Tag("p", classes="help"):
            link("How good estimates have been", urls.ESTIMATES)
        if found.notes:
            with Tag("ul", classes="warnings"):
                for note in found.notes:
                    with Tag("li"):
                        icon("alert")
                        Tag("span", note)


def interval(one: Estimated, words: Callable[[float], str]) -> str:
    """A figure with its interval in words; empty where it is unavailable."""
    return "" if one.middle is None else f"{words(one.middle)} ({between(one, words)})"


def between(one: Estimated, words: Callable[[float], str]) -> str:
    """The interval alone, in words; empty where there is none."""
    return "" if one.low is None or one.high is None else f"{words(one.low)} to {words(one.high)}"


def amount(cost: float, currency: str | None) -> str:
    """An amount of money in its currency."""
    return f"{formats.money(cost)} {currency or ''}".strip()
