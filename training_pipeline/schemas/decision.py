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
        description=f"Reason, 1 to {LONGEST_REASON} characters; kept permanently.", examples=["consent withdrawn"]
    )
    due: date | None = Field(None, strict=False, description="Due date.", examples=["2026-12-31"])
    evidence: str | None = Field(
        None,
        description=f"Link or reference to the evidence, up to {LONGEST_EVIDENCE} characters.",
        examples=["https://tickets.example.org/4711"],
    )


class Decision(Answer):
    """A decision on record."""

    number: int = Field(description="Number of the decision: 1, 2, 3 … without gaps.", examples=[1])
    model_name: str = Field(description="Full name of the model.", examples=["triage-model"])
    model_version: str = Field(description="Its version.", examples=["2"])
    job_id: str = Field(description="The job that trained it.", examples=[JOB])
    decision: DecisionKind = Field(description=f"{_KINDS}.", examples=["retrain"])
    revocation_ids: list[str] = Field(
        description="The revocations that tainted the version at that time.", examples=[[REVOCATION]]
    )
    reason: str = Field(description="Reason.", examples=["consent withdrawn"])
    actor: str = Field(description="Who decided.", examples=["grace"])
    due: date | None = Field(description="Due date; null if none was set.", examples=[None])
    evidence: str | None = Field(description="Link or reference to the evidence.", examples=[None])
    decided_at: datetime = Field(description="When it was decided.", examples=["2026-11-24T09:00:00.000000+00:00"])
    previous_hash: str = Field(description="Hash of the previous decision.", examples=["0" * 64])
    hash: str = Field(
        description="SHA-256 (hex) over everything else, in canonical JSON: keys sorted, no blanks, UTF-8.",
        examples=[DIGEST],
    )

    in_force: bool = Field(
        False,
        description=(
            "Whether this decision is in force: it is the last one about the version and, where two people "
            "must decide (`TRAINING_PIPELINE_FOUR_EYES`), a second person has made the same decision."
        ),
        examples=[True],
    )
    expired: bool = Field(
        False,
        description=(
            "Whether it has expired: no second person made the same decision within `TRAINING_PIPELINE_APPROVAL_DAYS`."
        ),
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
    """Whether the chain of decisions is complete and unchanged."""

    decisions: int = Field(description="Number of decisions.", examples=[2])
    head: str | None = Field(
        description="Hash of the last decision. Keep a copy of it to verify the record later.", examples=[DIGEST]
    )
    problems: list[str] = Field(description="What was removed or changed; empty where nothing was.", examples=[[]])
