"""Settings that tests begin with: to look for each of them in the environment takes longer than many tests do."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX


def settings_with(**values: Any) -> Settings:
    """The settings of the environment as it is now, but for these values, which are not validated."""
    environment = tuple((name, value) for name, value in os.environ.items() if name.startswith(PREFIX))
    return _settings(environment).model_copy(update=values)


@cache
def _settings(_: tuple[tuple[str, str], ...]) -> Settings:
    """Read once for each environment."""
    return Settings(duckdb_threads=1)
