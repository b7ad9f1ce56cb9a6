"""What a gate asks of a model: read from what somebody wrote, or from a decision on record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.models.evaluation.intervals import LEVEL
from training_pipeline.models.evaluation.metrics import METRICS, Metric
from training_pipeline.models.evaluation.subsets import NAME


def _comparable(name: str) -> str:
    known = ", ".join(metric.name for metric in METRICS.values() if metric.better)
    if name not in METRICS or not METRICS[name].better:
        raise ValueError(f"is not a metric to compare by; use {known}")
    return name


_Name = Annotated[str, AfterValidator(_comparable)]
_SuiteName = Annotated[str, Field(pattern=NAME)]


class Gate(BaseModel):
    """What is asked of a model, by metric."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: The least that it must reach; the most, for a metric of which less is better.
    thresholds: dict[_Name, float] = {}
    #: By less than this it may be worse than the model in use, in the mean; 0 asks it to be better.
    margins: dict[_Name, Annotated[float, Field(ge=0)]] = Field(min_length=1)
    #: With fewer pairs nothing is decided.
    min_pairs: int = Field(default=30, ge=2)
    #: Of other suites, by name: by less than this it may be worse there than its base model. What a training must not
    #: cost.
    forgetting: dict[_SuiteName, Annotated[dict[_Name, Annotated[float, Field(gt=0)]], Field(min_length=1)]] = {}
    level: float = Field(default=LEVEL, ge=0.5, le=0.999)


def parse_gate(asked: Mapping[str, Any]) -> Gate:
    """The gate that these fields describe. Raises `InvalidRequest` with everything that is wrong with them.

    What it refuses besides the form are gates that ask for nothing or for what can never be. Gates on record may be
    such, of before.
    """
    problems: list[FieldProblem] = []
    gate = None
    try:
        gate = Gate.model_validate(asked)
    except ValidationError as error:
        problems += problems_from_validation(error.errors())
    known = {problem.pointer for problem in problems}
    problems += [problem for problem in _senseless(asked) if problem.pointer not in known]
    if gate is None or problems:
        raise InvalidRequest("The gate is invalid.", problems=problems)
    return gate


def _senseless(asked: Mapping[str, Any]) -> Iterator[FieldProblem]:
    for metric, threshold in _numbers(asked.get("thresholds")):
        yield from _unreachable(metric, threshold)
    yield from _too_wide("/margins", asked.get("margins"))
    forgetting = asked.get("forgetting")
    for suite, margins in forgetting.items() if isinstance(forgetting, Mapping) else ():
        yield from _too_wide(f"/forgetting/{suite}", margins)
    for field, least, why in _LEAST:
        number = asked.get(field)
        if isinstance(number, int | float) and number < least:
            yield FieldProblem(f"/{field}", "too_small", f"is {number:g}; must be at least {least:g}: {why}")


#: Below these, answers at random are let through.
_LEAST: Final = (
    ("min_pairs", 20, "fewer pairs say little of a model"),
    ("level", 0.8, "an interval of a lower level misses the truth too often"),
)


def _unreachable(metric: Metric, threshold: float) -> Iterator[FieldProblem]:
    """A threshold that every score reaches, or none surely does. The bound itself no interval reaches."""
    least, most = metric.bounds or (-math.inf, math.inf)
    said = f"is {threshold:g}; must be within {least:g} and {most:g}, and not the best that {metric.name} can be"
    share = ": it is a share, of which 70 % is 0.7" if (least, most) == (0, 1) else ""
    best = least if metric.better == "lower" else most
    if not least <= threshold <= most or threshold == best:
        yield FieldProblem(f"/thresholds/{metric.name}", "out_of_bounds", f"{said}{share}")


def _too_wide(pointer: str, margins: Any) -> Iterator[FieldProblem]:
    for metric, margin in _numbers(margins):
        _, most = metric.reach or (0, math.inf)
        if margin >= most:
            said = f"is {margin:g}; must be less than {most:g}: no two scores of {metric.name} differ by more"
            yield FieldProblem(f"{pointer}/{metric.name}", "out_of_bounds", said)


def _numbers(by_metric: Any) -> Iterator[tuple[Metric, float]]:
    """The numbers of known metrics: of what is neither, Pydantic has said so."""
    for name, number in by_metric.items() if isinstance(by_metric, Mapping) else ():
        if name in METRICS and isinstance(number, int | float) and math.isfinite(number):
            yield METRICS[name], number


def looser(gate: Gate, than: Gate) -> list[str]:
    """What a gate asks less for than another one, in words; nothing where it asks for as much."""
    found = []
    for name, before in than.thresholds.items():
        now, sign = gate.thresholds.get(name), METRICS[name].sign
        if now is None or sign * now < sign * before:
            found.append(f"threshold {name}={_shown(now)} instead of {before:g}")
    pairs = [("margin ", than.margins, gate.margins)]
    pairs += [(f"forgetting {suite}:", old, gate.forgetting.get(suite, {})) for suite, old in than.forgetting.items()]
    for what, margins, ours in pairs:
        for name, before in margins.items():
            now = ours.get(name)
            if now is None or now > before:
                found.append(f"{what}{name}={_shown(now)} instead of {before:g}")
    if gate.min_pairs < than.min_pairs:
        found.append(f"{gate.min_pairs} pairs instead of {than.min_pairs}")
    if gate.level < than.level:
        found.append(f"intervals of {gate.level * 100:g} % instead of {than.level * 100:g} %")
    return found


def _shown(number: float | None) -> str:
    return "none" if number is None else f"{number:g}"
