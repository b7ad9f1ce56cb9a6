"""Which pairs may be trained on, how they are split, and how often that is asked again."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training_pipeline.domain.rules.policy import GatePolicy, reliable_similarity


class GateSettings(BaseModel):
    """Gates and the split."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    min_pairs: int = Field(10, ge=2, description="Minimum number of eligible pairs of a training sheet.")
    instruction_prompt_items: int = Field(
        20,
        ge=1,
        description=(
            "A prompt used for more items than this counts as an instruction: it neither ties pairs together "
            "nor holds pairs out."
        ),
    )
    near_question_similarity: float = Field(
        0.8,
        ge=0,
        le=1,
        description=(
            "Pairs whose questions have at least this Jaccard similarity (0.8 to 1) stay in the same split; 0"
            " for equal questions only."
        ),
    )
    require_constraints_set_by: bool = Field(
        False,
        description="Refuse pairs without a record of who set their usage constraints "
        "(`constraints_set_by`), as `training_not_allowed`. Otherwise they are counted in a warning.",
    )
    permission_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two checks whether the pairs of queued and running jobs may still be trained on.",
    )
    cancel_on_withdrawal: bool = Field(
        True,
        description=(
            "Cancel a training whose pairs may no longer be trained on. If false, it continues, and fails "
            "before its model is registered."
        ),
    )

    @field_validator("near_question_similarity")
    @classmethod
    def _similarity_is_found(cls, value: float) -> float:
        return reliable_similarity(value)

    @property
    def gate_policy(self) -> GatePolicy:
        """The parameters of the gates and of the ties of the split."""
        return GatePolicy(
            instruction_prompt_items=self.instruction_prompt_items,
            near_question_similarity=self.near_question_similarity,
            require_constraints_set_by=self.require_constraints_set_by,
        )
