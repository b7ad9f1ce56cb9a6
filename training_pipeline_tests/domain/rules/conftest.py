from __future__ import annotations

import pytest

from training_pipeline.testing.oracles.judge import Judge


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Judges rows. One for all tests, because its statements take long to prepare."""
    return Judge()
