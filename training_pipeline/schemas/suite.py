"""Models of evaluation suites, and of what a model has seen of one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.models.evaluation.subsets import MOST_SHEETS, NAME
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.lineage import DIGEST

if TYPE_CHECKING:
    from training_pipeline.models.evaluation.suites import NamedSuite

JOB: Final = "tj-20261123-072145-9f3a2c"
SHEET_ID: Final = r"^[A-Za-z0-9_.-]{1,128}$"


class CreateSuite(BaseModel):
    """A suite to make. It never changes: a new one needs another name."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"example": {"name": "triage-2026-11", "training_sheet_ids": ["sheet-123"]}},
    )

    name: str = Field(pattern=NAME, description="Name of the suite.", examples=["triage-2026-11"])
    training_sheet_ids: list[Annotated[str, Field(pattern=SHEET_ID)]] = Field(
        min_length=1,
        max_length=MOST_SHEETS,
        description="The training sheets whose pairs may be evaluated on.",
        examples=[["sheet-123"]],
    )


class SuiteSheet(Answer):
    """Pairs of a suite from one training sheet."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="SHA-256 (hex) of the sheet when the suite was made.", examples=[DIGEST])
    sheet_id: str = Field(description="The source sheet.", examples=["invoices"])
    total: int = Field(description="Pairs of the sheet: those of the suite and all excluded ones.", examples=[120])
    pairs: int = Field(description="Pairs of the suite.", examples=[30])
    excluded: dict[str, int] = Field(
        description="Pairs that may not be evaluated on, by reason.", examples=[{"evaluation_not_allowed": 90}]
    )


class Suite(Answer):
    """An evaluation suite: ids and hashes of pairs under one digest, no text."""

    name: str = Field(description="Its name.", examples=["triage-2026-11"])
    digest: str = Field(description="SHA-256 (hex) over its pairs and the gate policy.", examples=[DIGEST])
    gate_policy_version: str = Field(description="Version of the rules that judged the pairs.", examples=["4"])
    pairs: int = Field(description="Number of pairs in the suite.", examples=[30])
    sheets: list[SuiteSheet] = Field(description="Pairs by training sheet.")
    aged: dict[str, int] | None = Field(
        default=None,
        description=(
            "Pairs that changed since, or may no longer be evaluated on, by reason; null in a list, and if "
            "they cannot be counted now."
        ),
        examples=[{"sheet_missing": 30}],
    )
    not_counted: str | None = Field(
        default=None, description="Why they cannot be counted now; null if they were.", examples=[None]
    )
    created_by: str = Field(description="Who made it.", examples=["ada"])
    created_at: datetime = Field(description="When it was made.", examples=["2026-11-23T07:21:45Z"])

    @classmethod
    def of(cls, named: NamedSuite) -> Self:
        """The suite as it is shown."""
        suite = named.suite
        return cls(
            name=named.name,
            digest=suite.digest,
            gate_policy_version=suite.policy.version,
            pairs=suite.pairs,
            sheets=[SuiteSheet.model_validate(sheet) for sheet in suite.sheets],
            created_by=named.created_by,
            created_at=named.created_at,
        )


class Suites(Answer):
    """All evaluation suites."""

    suites: list[Suite] = Field(description="The suites, by name.")
    total: int = Field(description="Number of suites.", examples=[1])


class MetPair(Answer):
    """A pair of a suite that a model, or one that it is based on, was trained or validated on, and how they match."""

    training_sheet_id: str = Field(description="The training sheet of the pair.", examples=["sheet-123"])
    pair_id: str = Field(description="Id of the pair.", examples=["p-0001"])
    finding: str = Field(
        description="same_example, same_question, nearly_equal_question, same_instruction or same_item.",
        examples=["same_question"],
    )
    job_id: str = Field(description="The job in whose dataset it was found.", examples=[JOB])


class SuiteCheck(Answer):
    """Which pairs of a suite the model of a job may be scored on: asked = evaluated + refused + aged."""

    job_id: str = Field(description="The job that trained the model.", examples=[JOB])
    jobs: list[str] = Field(
        description="Jobs whose datasets were checked: its own, and those of the models that it was trained from.",
        examples=[[JOB]],
    )
    is_ancestry_known: bool = Field(
        description="Whether it is recorded what the first of these models was trained from.", examples=[True]
    )
    asked: int = Field(description="Pairs of the suite.", examples=[30])
    evaluated: int = Field(description="Pairs that the model may be scored on.", examples=[27])
    refused: dict[str, int] = Field(description="Pairs that it has seen, by finding.", examples=[{"same_question": 2}])
    aged: dict[str, int] = Field(
        description="Pairs that changed, or may no longer be evaluated on, by reason.", examples=[{"text_changed": 1}]
    )
    reported: dict[str, int] = Field(
        description="Pairs that it may be scored on in spite of a finding, by finding.",
        examples=[{"same_item": 3}],
    )
    pairs: list[MetPair] = Field(description="Pairs with findings, at most 1,000, refused ones first.")
