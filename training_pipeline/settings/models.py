"""What becomes of registered models: evaluation, promotion, revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.aliases import OnTaint
from training_pipeline.domain.judge import JUDGE_NAME, JudgeEndpoint
from training_pipeline.domain.usage import DataClassification
from training_pipeline.settings.longest import YEAR_SECONDS


class ModelSettings(BaseModel):
    """Registered models."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    evaluate_near_questions: bool = Field(
        False,
        description=(
            "Evaluate a model also on questions that nearly equal one it was trained on, and only report "
            "them. Otherwise such questions are left out."
        ),
    )
    judges: dict[Annotated[str, Field(pattern=JUDGE_NAME)], JudgeEndpoint] = Field(
        {},
        description="Models that may judge answers in an evaluation, as JSON: an object from names to objects with url "
        "(of an OpenAI-compatible endpoint, such as https://host/v1), model, and, where needed, key_env (name of the "
        "environment variable with the key), seconds (60), at_once (4) and max_tokens (256). Pairs are sent there.",
    )
    judge_max_classification: DataClassification = Field(
        DataClassification.PUBLIC,
        description="The strictest classification of a pair that a judge may read: `public`, `internal`, "
        "`confidential` or `restricted`. A pair without a known one counts as restricted.",
    )
    promotion_four_eyes: bool = Field(
        False,
        description=(
            "Move an alias only once two people have promoted the same version by the same gate. Needs "
            "TRAINING_PIPELINE_AUTH=token and a token for each person."
        ),
    )
    deployment_approval_tag: str | None = Field(
        None,
        pattern=r"^[^.,\-=/:\x00-\x20\x7f]+$",
        max_length=255,
        description="Tag of a model version that a deployment job's approval task looks for, such as the task's name. "
        "It is set to `Approved` when a version is promoted to DEPLOYMENT_APPROVAL_ALIAS. Default: no tag is set.",
    )
    deployment_approval_alias: str = Field(
        "champion",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
        description="The alias whose promotion approves a version for deployment.",
    )
    revocation_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two checks of a training sheet in files: whether the pairs that registered models "
        "were trained on may still be used. At least 10 while no job, evaluation or study is under way.",
    )
    revocation_table_seconds: float = Field(
        3600.0,
        ge=60,
        le=YEAR_SECONDS,
        description="The same for training sheets in tables; a check reads the table's version, and "
        "its rows only where that changed.",
    )
    alias_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two reads of the aliases of all registered models in the registry, and of the "
        "serving endpoints of the workspace. At least 10 while no job, evaluation or study is under way.",
    )
    on_taint: OnTaint = Field(
        "alert",
        description=(
            "What happens to an alias of a tainted version: `alert`, or `demote`, which also moves it back to"
            " the last clean version that it pointed to, or removes it if there is none."
        ),
    )
    on_taint_by_model: dict[str, OnTaint] = Field(
        {},
        description=(
            "The same for individual models, as JSON: an object from full names of models to `alert` or `demote`."
        ),
    )
    four_eyes: bool = Field(
        False,
        description=(
            "A decision about a tainted model version takes effect only once a second steward has made the "
            "same decision. Needs TRAINING_PIPELINE_AUTH=token: without authentication two people cannot be "
            "told apart."
        ),
    )
    approval_days: float = Field(
        14.0,
        gt=0,
        le=3650,
        description=(
            "With PROMOTION_FOUR_EYES or FOUR_EYES: days after which a promotion or decision expires if no "
            "second person has approved it."
        ),
    )
    model_fresh_days: float = Field(
        90.0,
        ge=0.01,
        le=36_500,
        description="Age in days after which a model is shown as stale, with a warning at 4/5 of it.",
    )

    @property
    def promotion_approval(self) -> timedelta | None:
        """The time within which a second person has to promote the same; null where one person does."""
        return timedelta(days=self.approval_days) if self.promotion_four_eyes else None

    @property
    def decision_approval(self) -> timedelta | None:
        """The time within which a second steward has to decide the same; null where one decides."""
        return timedelta(days=self.approval_days) if self.four_eyes else None
