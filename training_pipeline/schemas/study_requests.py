"""Bodies of requests about studies. Types are strict: a text is not accepted for a number."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain import study as domain
from training_pipeline.schemas.requests import CreateTrainingJob

STUDY: Final = "triage-2026-11"
_SPACE: Final[dict[str, Any]] = {
    "learning_rate": {"low": 0.00001, "high": 0.001},
    "epochs": {"choices": [1, 2, 3]},
}


class CreateStudy(domain.StudyRequest):
    """A study to create. It never changes: other values need another name."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "example": {
                "name": STUDY,
                "job": {"training_sheet_id": "sheet-123", "model_name": "triage-model"},
                "space": _SPACE,
                "most_trials": 20,
                "most_at_once": 2,
                "hours": 8,
            }
        },
    )

    job: Annotated[CreateTrainingJob, Field(strict=False)] = Field(
        description=(
            "Training job that every trial is based on, apart from the searched values. Trials register no model."
        )
    )


class StopStudy(BaseModel):
    """A request to stop a study."""

    model_config = ConfigDict(strict=True, extra="forbid")

    reason: str = Field(
        "no reason given", max_length=1000, description="Stored with the study.", examples=["good enough"]
    )
    let_finish: bool = Field(
        False, description="Let running trials finish instead of cancelling them.", examples=[True]
    )


class PromoteTrial(BaseModel):
    """The trial to train once more and register."""

    model_config = ConfigDict(strict=True, extra="forbid")

    trial: int | None = Field(
        None, ge=1, description="Number of the trial. Default: the best one of a study that has ended.", examples=[3]
    )
