"""What a gate asks of a model: read from what somebody wrote, or from a decision on record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.models.evaluation.intervals import LEVEL
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.subsets import NAME


def _comparable(name: str) -> str:
    known = ", ".join(metric.name for metric in METRICS.values() if metric.better)
    if name not in METRICS or not METRICS[name].better:
        raise ValueError(f"is no metric that may be better; use {known}")
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
    """The gate that these fields describe. Pure; raises `InvalidRequest` with everything that is wrong with them."""
    try:
        return Gate.model_validate(asked)
    except ValidationError as error:
        problems = problems_from_validation(error.errors())
        raise InvalidRequest("The gate is invalid.", problems=problems) from None
