"""What a backend makes of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.training_config import TrainingConfig


class Plan(BaseModel):
    """A configuration with every "auto" replaced by the value that will be used. `config` has no "auto" left.

    `uc_catalog` and `uc_schema` are where the model goes if the job does not say it; null where that is not needed.
    """

    model_config = ConfigDict(frozen=True)

    base_model: str
    config: TrainingConfig
    uc_catalog: str | None = None
    uc_schema: str | None = None
