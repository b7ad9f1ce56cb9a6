"""Bodies and response models of decisions about tainted model versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.decisions import LONGEST_EVIDENCE, MEANINGS, DecisionKind, InForce
from training_pipeline.domain.revocations import LONGEST_REASON
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.schemas.lineage import DIGEST
from training_pipeline.schemas.revocation import REVOCATION
from training_pipeline.schemas.uses import JOB

if TYPE_CHECKING:
    from training_pipeline.domain import decisions as domain

_KINDS = "; ".join(f"`{kind}`: {meaning}" for kind, meaning in MEANINGS.items())


class Decide(BaseModel):
    """A decision about a tainted version. It is appended, and never changed."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={
            "example": {
                "model_name": "triage-model",
                "model_version": "2",
                "decision": "retrain",
                "reason": "consent withdrawn",
            }
        },
    )

    model_name: str = Field(description="Full name of the model.", max_length=512, examples=["triage-model"])
    model_version: str = Field(description="Its version.", max_length=64, examples=["2"])
    decision: DecisionKind = Field(description=f"{_KINDS}.", examples=["retrain"])
    reason: str = Field(
        description=f"Why, 1 to {LONGEST_REASON:,} characters; kept for ever.", examples=["consent withdrawn"]
    )
    due: date | None = Field(None, strict=False, description="By when it is to be done.", examples=["2026-12-31"])
    evidence: str | None = Field(
        None,
        description=f"Where what supports it is found, up to {LONGEST_EVIDENCE:,} characters.",
        examples=["https://tickets.example.org/4711"],
    )


class Decision(Answer):
    """A decision on record."""

    number: int = Field(description="1, 2, 3 …: no number is left out.", examples=[1])
    model_name: str = Field(description="Full name of the model.", examples=["triage-model"])
    model_version: str = Field(description="Its version.", examples=["2"])
    job_id: str = Field(description="The job that trained it.", examples=[JOB])
    decision: DecisionKind = Field(description=f"{_KINDS}.", examples=["retrain"])
    revocation_ids: list[str] = Field(
        description="The revocations that tainted the version then.", examples=[[REVOCATION]]
    )
    reason: str = Field(description="Why.", examples=["consent withdrawn"])
    actor: str = Field(description="Who decided.", examples=["grace"])
    due: date | None = Field(description="By when it is to be done; null where no date was set.", examples=[None])
    evidence: str | None = Field(description="Where what supports it is found.", examples=[None])
    decided_at: datetime = Field(description="When it was decided.", examples=["2026-11-24T09:00:00.000000+00:00"])
    previous_hash: str = Field(description="The hash of the decision before.", examples=["0" * 64])
    hash: str = Field(
        description="SHA-256 (hex) over everything else, in canonical JSON: keys sorted, no blanks, UTF-8.",
        examples=[DIGEST],
    )

    in_force: bool = Field(
        False,
        description="Whether it is what holds for the version now: the last decision about it, and, where two people "
        "must decide (`TRAINING_PIPELINE_FOUR_EYES`), one that a second person has made as well.",
        examples=[True],
    )
    expired: bool = Field(
        False,
        description="Whether no second person has made it within `TRAINING_PIPELINE_APPROVAL_DAYS`: it is void.",
        examples=[False],
    )

    @classmethod
    def of(cls, found: domain.Decision, by_job: Mapping[str, InForce]) -> Decision:
        """A decision of the store; `by_job` says what holds now."""
        force = by_job.get(found.job_id, InForce())
        holds = force.holding is not None and force.holding.number == found.number
        return cls.model_validate({**found.model_dump(), "in_force": holds, "expired": found.number in force.expired})


class DecisionPage(Answer):
    """A page of decisions, newest first."""

    decisions: list[Decision] = Field(description="The decisions of this page, newest first.")
    total: int = Field(description="Number of matching decisions on all pages.", examples=[1])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class DecisionChain(Answer):
    """Whether the chain of decisions is whole."""

    decisions: int = Field(description="How many decisions there are.", examples=[2])
    head: str | None = Field(description="The hash of the last one: note it to check later.", examples=[DIGEST])
    problems: list[str] = Field(description="What was removed or changed; empty where nothing was.", examples=[[]])
