"""One piece of advice, as it is shown and stored with a job."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.advice.rules import RULES, SOURCES, VERSION, Confidence

Value = int | float | str


class Advice(BaseModel):
    """What a rule says of a configuration. A `value` may be taken over into `field`; a `warning` has none.

    `current` is what the configuration has; it counts as `taken` from `low` to `high`, where those are told.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    kind: Literal["value", "warning"]
    field: str | None = None
    value: Value | None = None
    low: float | None = None
    high: float | None = None
    current: Value | None = None
    taken: bool = False
    reason: str
    source: str
    source_url: str
    confidence: Confidence


class AdviceRecord(BaseModel):
    """All advice on one configuration, and the version of the rules that gave it."""

    model_config = ConfigDict(frozen=True)

    rules_version: str = VERSION
    advice: tuple[Advice, ...] = ()


def advised(
    rule: str,
    reason: str,
    *,
    field: str,
    value: Value,
    current: Value | None,
    low: float | None = None,
    high: float | None = None,
) -> Advice:
    """Advice to set a key of the configuration."""
    if low is None and high is None:
        taken = current == value
    else:
        number = current if isinstance(current, int | float) else float("nan")
        taken = (low is None or number >= low * (1 - 1e-9)) and (high is None or number <= high * (1 + 1e-9))
    return Advice(
        kind="value", field=field, value=value, low=low, high=high, current=current, taken=taken, reason=reason,
        **_of(rule),
    )  # fmt: skip


def warned(rule: str, reason: str) -> Advice:
    """A warning."""
    return Advice(kind="warning", reason=reason, **_of(rule))


def noted(rule: str, reason: str, *, value: str) -> Advice:
    """Advice that is always followed here, told so that it is known."""
    return Advice(kind="value", value=value, current=value, taken=True, reason=reason, **_of(rule))


def _of(rule: str) -> dict[str, Any]:
    found = RULES[rule]
    source = SOURCES[found.source]
    return {"rule": rule, "source": source.title, "source_url": source.url, "confidence": found.confidence}
