"""How charts are looked at: axis, scale, smoothing and hidden lines, as they stand in a page's URL. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training_pipeline.domain.smoothing import MOST_SMOOTHING

Axis = Literal["step", "tokens", "epoch", "time"]
Scale = Literal["linear", "log"]
#: What an axis is called: on its button, and as its title.
AXES: Final[Mapping[Axis, tuple[str, str]]] = {
    "step": ("Steps", "Optimizer steps"),
    "tokens": ("Tokens", "Tokens processed"),
    "epoch": ("Epochs", "Epochs completed"),
    "time": ("Time", "Time since training started"),
}


class ChartView(BaseModel):
    """The view that a URL names. Equal views have equal URLs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    x: Axis = "step"
    scale: Scale = "linear"
    #: What the value before weighs in an exponential moving average; 0 shows the values as they were measured.
    smoothing: float = Field(0.0, ge=0, le=MOST_SMOOTHING)
    #: The keys of the lines that are not shown.
    hide: tuple[str, ...] = ()

    @field_validator("hide", "jobs", mode="before", check_fields=False)
    @classmethod
    def _listed(cls, stated: object) -> object:
        return tuple(dict.fromkeys(word for word in stated.split(",") if word)) if isinstance(stated, str) else stated

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """The view that a query names. Unknown values are ignored, so that a page opens for every URL."""
        found: dict[str, Any] = {name: query[name] for name in cls.model_fields if query.get(name)}
        while True:
            try:
                return cls.model_validate(found)
            except ValidationError as error:
                for each in error.errors():
                    found.pop(str(each["loc"][0]))

    def with_(self, **changes: object) -> Self:
        """Another view."""
        return self.model_validate({**dict(self), **changes})

    def toggled(self, key: str) -> Self:
        """The view with this line hidden, or shown again."""
        hide = tuple(each for each in self.hide if each != key)
        return self.with_(hide=hide if key in self.hide else (*self.hide, key))

    def query(self) -> str:
        """The query with what differs from the view that is shown first; empty if nothing does."""
        stated = self.model_dump(exclude_defaults=True)
        return urlencode({name: _text(value) for name, value in stated.items()}, safe=",")


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
