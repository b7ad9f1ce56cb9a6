"""Models of promotions: an alias is moved through a gate, or back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.models.evaluation.subsets import NAME
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.models.promotion.records import PromotionKind
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.evaluation import EVALUATION

if TYPE_CHECKING:
    from training_pipeline.models.promotion.records import Promotion

_ALIAS = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"

Alias = Annotated[str, Field(pattern=_ALIAS, description="The alias.", examples=["champion"])]


class PromotionGate(BaseModel):
    """The requirements for a model, by metric; docs/evaluation.md says how they are judged."""

    model_config = ConfigDict(strict=True, extra="forbid")

    margins: dict[str, float] = Field(
        description=(
            "Maximum mean amount by which it may be worse than the version in use; 0 requires it to be better."
        ),
        examples=[{"exact_match": 0.02}],
    )
    thresholds: dict[str, float] = Field(
        {}, description="Value that it must reach: a minimum, or for a loss a maximum.", examples=[{"exact_match": 0.7}]
    )
    forgetting: dict[str, dict[str, float]] = Field(
        {},
        description=(
            "For other suites, by metric: maximum amount by which it may be worse than its base model. Greater than 0."
        ),
        examples=[{"general-2026": {"bits_per_byte": 0.05}}],
    )
    min_pairs: int = Field(30, description="Minimum number of pairs for a verdict; at least 20.", examples=[30])
    level: float = Field(0.95, description="Confidence level of the intervals, 0.8 to 0.999.", examples=[0.95])


class PromoteModelVersion(BaseModel):
    """A version to move an alias to."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"example": {"gate": {"margins": {"exact_match": 0.02}}}}
    )

    alias: Alias = "champion"
    gate: Annotated[
        PromotionGate | None,
        Field(strict=False, description="Requirements; by default those of the gate that last moved this alias."),
    ] = None
    suite: str | None = Field(
        None, pattern=NAME, description="The suite; by default that of the latest evaluation.", examples=["triage-1"]
    )
    held: str | None = Field(
        None,
        max_length=800,
        description="Version that is expected to have the alias now; if another one has it, the answer is a conflict.",
        examples=["1"],
    )


class RollBackAlias(BaseModel):
    """An alias to move back."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"example": {"reason": "too slow"}})

    alias: Alias = "champion"
    reason: str = Field(
        min_length=1,
        max_length=1000,
        description="Reason; stored with the decision.",
        examples=["answers are too slow"],
    )


class GateFinding(Answer):
    """The verdict on one requirement of the gate."""

    asked: str = Field(description="Requirement.", examples=["exact_match worse by less than 0.02"])
    verdict: Verdict = Field(description="Verdict on the requirement.", examples=["ship"])
    reason: str = Field(
        description="Reason for the verdict.", examples=["no model is in use, and 60 pairs have a score"]
    )
    more_pairs: int | None = Field(
        description="Approximate number of additional pairs that would decide it.", examples=[None]
    )


class ModelPromotion(Answer):
    """A decision about an alias."""

    number: int = Field(description="Number of the decision.", examples=[1])
    kind: PromotionKind = Field(description="Whether it was a promotion or a roll back.", examples=["promote"])
    model_name: str = Field(description="The model.", examples=["triage-model"])
    alias: str = Field(description="The alias.", examples=["champion"])
    model_version: str | None = Field(description="Version to move the alias to; null for none.", examples=["2"])
    previous_version: str | None = Field(
        description="Version that had the alias before; null for none.", examples=["1"]
    )
    evaluation_id: str | None = Field(description="Evaluation that it is based on.", examples=[EVALUATION])
    suite: str | None = Field(
        None,
        description="Suite that it is based on; null for a roll back, and if there was none.",
        examples=["triage-1"],
    )
    verdict: Verdict | None = Field(description="Verdict of the gate; null for a roll back.", examples=["ship"])
    findings: list[GateFinding] = Field(description="Requirements with what was found for each.")
    more_pairs: int | None = Field(
        description="Approximate number of additional pairs that would decide every open requirement.", examples=[None]
    )
    gate: dict[str, Any] | None = Field(
        description="Requirements of the gate.", examples=[{"margins": {"exact_match": 0.02}, "thresholds": {}}]
    )
    reason: str = Field(description="Reason.", examples=["The gate says: ship."])
    actor: str = Field(description="Who decided.", examples=["ada"])
    decided_at: datetime = Field(description="When it was decided.", examples=["2026-11-23T07:21:45Z"])
    waits: bool = Field(
        description="Whether the gate passed and a second person has to approve before the alias is moved.",
        examples=[False],
    )
    expired: bool = Field(
        False,
        description="Whether it has expired: nobody approved it within `TRAINING_PIPELINE_APPROVAL_DAYS`.",
        examples=[False],
    )
    approves: int | None = Field(
        description="Number of the other person's decision that this one approves.", examples=[None]
    )
    moved_at: datetime | None = Field(
        description="When the alias was moved; null where it was not.", examples=["2026-11-23T07:21:46Z"]
    )

    @classmethod
    def of(cls, found: Promotion) -> Self:
        """A decision as it is shown."""
        decision = found.decision
        return cls.model_validate(
            {
                **{name: getattr(found, name) for name in cls.model_fields if hasattr(found, name)},
                "verdict": None if decision is None else decision.verdict,
                "findings": [] if decision is None else [GateFinding.model_validate(one) for one in decision.findings],
                "more_pairs": None if decision is None else decision.more_pairs,
                "gate": None if found.gate is None else found.gate.model_dump(mode="json"),
            }
        )


class ModelPromotions(Answer):
    """The decisions about the aliases of a model."""

    promotions: list[ModelPromotion] = Field(description="The decisions, the newest first.")
    total: int = Field(description="Number of decisions.", examples=[1])

    @classmethod
    def of(cls, found: list[Promotion]) -> Self:
        """All of them, as they are shown."""
        return cls(promotions=[ModelPromotion.of(each) for each in found], total=len(found))
