"""What the environment variables of settings begin with."""

from typing import Final

PREFIX: Final = "TRAINING_PIPELINE_"
