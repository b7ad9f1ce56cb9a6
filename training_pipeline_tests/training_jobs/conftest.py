from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline_tests.training_jobs.jobs import ScriptedBackend


@pytest.fixture
def store(database: Database) -> Iterator[JobStore]:
    engine = database.engine()
    yield JobStore(engine)
    engine.dispose()


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()
