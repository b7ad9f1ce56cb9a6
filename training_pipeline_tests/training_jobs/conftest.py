from __future__ import annotations

import pytest

from training_pipeline.testing.jobs import ScriptedBackend


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()
