"""What an hour costs, as the users' own price list says. None is built in: prices differ and change."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: An older list is used, and said to be old.
OLD_DAYS: Final = 180

#: What a list calls the machine of this installation, beside the accelerators of Databricks.
LOCAL: Final = "local"

#: YAML reads `yes` as true, which is no price of 1.
Price = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class PriceList(BaseModel):
    """Prices of an hour by machine: `local`, or an accelerator of Databricks; either in money or in DBU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    as_of: datetime.date
    per_hour: dict[str, Price] = {}
    dbu_per_hour: dict[str, Price] = {}
    per_dbu: Price | None = None

    def hour(self, machine: str) -> float | None:
        """What an hour on a machine costs; null where the list does not say."""
        if machine in self.per_hour:
            return self.per_hour[machine]
        dbu = self.dbu_per_hour.get(machine)
        return None if dbu is None or self.per_dbu is None else dbu * self.per_dbu

    def missing(self, machine: str) -> str:
        """Why the list has no price for a machine."""
        if machine in self.dbu_per_hour:
            return f"the price list has the DBU of an hour on {machine}, but not per_dbu"
        names = [*self.per_hour, *self.dbu_per_hour]
        near = difflib.get_close_matches(machine, names, n=1, cutoff=0.6)
        hint = f"; did {near[0]!r} mean it?" if near else f", only for {', '.join(names)}" if names else ""
        return f"the price list has no price for {machine!r}{hint}"

    def notes(self, today: datetime.date, machines: Iterable[str]) -> list[str]:
        """What is to be said beside a cost: that the list is old or of the future, or names what there is not."""
        found = []
        days = (today - self.as_of).days
        if days > OLD_DAYS:
            found.append(f"The price list is of {self.as_of}, {days} days old: check it.")
        elif days < 0:
            found.append(f"The price list is of {self.as_of}, which is yet to come: check the date.")
        if twice := sorted(self.per_hour.keys() & self.dbu_per_hour.keys()):
            found.append(f"The price list has two prices for {', '.join(twice)}: per_hour counts.")
        known = sorted(machines)
        strange = sorted({*self.per_hour, *self.dbu_per_hour} - set(known))
        if strange:
            found.append(
                f"The price list has prices of what is not here: {', '.join(strange)}. Known: {', '.join(known)}."
            )
        return found


def priced_as(config: Mapping[str, Any]) -> str:
    """What a list calls the machine of a configuration."""
    return config.get("accelerator") or LOCAL


def price_list(found: Any) -> PriceList | str:
    """The price list in what was read from a file, or what is wrong with it, all at once."""
    if not isinstance(found, dict):
        return "it must be a mapping with currency, as_of and per_hour"
    try:
        return PriceList.model_validate(found)
    except ValidationError as error:
        return "; ".join(_problem(each["loc"], each["type"], each["msg"]) for each in error.errors(include_url=False))


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"{name}: {message}"
    near = difflib.get_close_matches(name, PriceList.model_fields, n=1, cutoff=0.5)
    return f"there is no key {name!r}" + (f", did you mean {near[0]!r}?" if near else "")
