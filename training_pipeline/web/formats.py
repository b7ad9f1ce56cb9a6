"""How numbers, durations and names are formatted for display. No I/O."""

from __future__ import annotations

from typing import Final

NONE: Final = "-"
_SPELLED: Final = {
    "val": "validation",
    "uc": "Unity Catalog",
    "lora": "LoRA",
    "lr": "learning rate",
    "grad": "gradient",
    "dbu": "DBU",
    "mb": "MB",
}


def count(number: int | None) -> str:
    """A whole number with separators."""
    return NONE if number is None else f"{number:,}"


def figure(value: float | None) -> str:
    """A measured number with four significant digits; from a thousand on as a whole number."""
    if value is None:
        return NONE
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.3g}"
    return f"{value:.4g}"


def loss(value: float | None) -> str:
    """A loss with four significant digits, zeros at its end included: losses are compared."""
    return NONE if value is None else f"{value:#.4g}"


def share(value: float | None) -> str:
    """A share from 0 to 1 in percent, with four significant digits at most."""
    return NONE if value is None else f"{100 * value:.4g} %"


def money(amount: float) -> str:
    """An amount with two decimals; a small one with two significant digits."""
    return f"{amount:,.2f}" if amount >= 1 or amount == 0 else f"{amount:.2g}"


def percent(value: float) -> str:
    """A number of percent."""
    return f"{value:.0f} %"


def seconds(value: float | None) -> str:
    """A duration, in its two largest units: `2 h 05 min`, `3 min 20 s`, `42 s`."""
    if value is None:
        return NONE
    if 0 < value < 1:
        return "under 1 s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def words(name: str) -> str:
    """A name of the code for people: `max_length` is `Max length`, `lora_rank` is `LoRA rank`."""
    found = [_SPELLED.get(part, part) for part in name.split("_")]
    return " ".join([found[0][:1].upper() + found[0][1:], *found[1:]])


def value(found: object) -> str:
    """A value of a configuration, whole: requests are made of such texts."""
    if found is None:
        return NONE
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, float):
        return repr(found).removesuffix(".0")
    return str(found)
