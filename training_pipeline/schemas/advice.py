"""Response models of advice on a configuration, before a job and after it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from training_pipeline.domain.advice.rules import Confidence
from training_pipeline.schemas.base import Answer


class Advice(Answer):
    """Advice of one rule about a configuration. docs/advice.md lists the rules."""

    rule: str = Field(description="Stable code of the rule.", examples=["learning_rate"])
    kind: Literal["value", "warning"] = Field(
        description="`value` where a value can be set, `warning` where no setting helps.", examples=["value"]
    )
    field: str | None = Field(
        description="Key of training_config to set; null for a warning, and where no key sets it.",
        examples=["learning_rate"],
    )
    value: int | float | str | None = Field(description="The value advised.", examples=[0.00029])
    low: float | None = Field(description="Lowest value that still follows the advice.", examples=[0.000145])
    high: float | None = Field(description="Highest value that still follows the advice.", examples=[0.00058])
    current: int | float | str | None = Field(description="The value in the configuration.", examples=[0.0002])
    taken: bool = Field(description="Whether the configuration follows the advice.", examples=[True])
    reason: str = Field(
        description="Why, in a sentence.",
        examples=["For models of the Llama family with a hidden size of 4,096."],
    )
    source: str = Field(
        description="Where the rule comes from.", examples=["Tinker cookbook, learning rate by hidden size"]
    )
    source_url: str = Field(
        description="URL of that source; empty if it has none.",
        examples=["https://tinker-docs.thinkingmachines.ai/supervised-learning/sl-hyperparams"],
    )
    confidence: Confidence = Field(description="How far the rule can be trusted.", examples=["medium"])


class Finding(Answer):
    """A finding in the metrics of a job that has ended."""

    rule: str = Field(description="Stable code of the rule.", examples=["validation_rose"])
    message: str = Field(
        description="The finding in a sentence or two.",
        examples=["The validation loss was best at step 120 (0.42) and rose to 0.55 by the end."],
    )
    changes: dict[str, Any] = Field(
        description="Keys of training_config to set for the next job; empty where none helps.", examples=[{"epochs": 2}]
    )
    confidence: Confidence = Field(description="How far the rule can be trusted.", examples=["medium"])


class Estimated(Answer):
    """One value of an estimate. Where `middle` is null it is unavailable, and `reason` says why."""

    middle: float | None = Field(
        description="Median: the actual value is as likely to be higher as lower.", examples=[185.0]
    )
    low: float | None = Field(description="Lower end of the interval.", examples=[140.0])
    high: float | None = Field(description="Upper end of the interval.", examples=[245.0])
    basis: str = Field(
        description="What the estimate is based on; empty if it is unavailable.",
        examples=["12 jobs like it: same base model, method and machine; interval from Student's t"],
    )
    reason: str = Field(
        description="Why it is unavailable; empty if it is available.", examples=["its pairs are not counted yet"]
    )


class Estimate(Answer):
    """How long a job trains, without waiting for compute, and what that costs."""

    coverage: float = Field(
        description="Share of jobs whose actual value should lie within the interval.", examples=[0.8]
    )
    time: Estimated = Field(description="Seconds of training.")
    cost: Estimated = Field(description="Cost by your own price list, in its currency.")
    currency: str | None = Field(description="Currency of the price list; null without one.", examples=["EUR"])
    notes: tuple[str, ...] = Field(
        description="Notes about the price list.",
        examples=[["The price list is of 2025-11-01, 392 days old: check it."]],
    )


class ActualCost(Answer):
    """Cost of a job, by your own price list as it is now."""

    dbu: float | None = Field(description="Databricks units (DBU) billed; null until they are known.", examples=[1.5])
    amount: float | None = Field(
        description=(
            "Cost of the DBU, or of the duration where the DBU are not known; null if the price list has no "
            "price for it."
        ),
        examples=[0.83],
    )
    currency: str | None = Field(description="Currency of the price list; null without an amount.", examples=["EUR"])
    basis: str = Field(
        description="How the amount was calculated; empty without one.",
        examples=["1.50 DBU billed, 0.55 EUR each, as of 2026-11-01"],
    )


class TrainingJobAdvice(Answer):
    """Advice given when a job was created, followed or not, and findings in its metrics."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    rules_version: str | None = Field(
        description="Version of the rules that gave the advice; null for a job of an earlier release.",
        examples=["2026-11-28"],
    )
    advice: list[Advice] = Field(description="The advice as it was given; no later rule changes it.")
    findings: list[Finding] = Field(description="Findings from its loss curves, once it has ended.")
    estimate: Estimate | None = Field(
        description="The estimate when the job was created; null for a job of an earlier release."
    )
    actual_seconds: float | None = Field(description="Seconds of training; null until it has ended.", examples=[198.2])
    actual_cost: ActualCost = Field(description="Actual cost; every field is null until the job has ended.")
