from __future__ import annotations

import pytest

from training_pipeline.models.uses.index import UseIndex
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def index(store: JobStore) -> UseIndex:
    return UseIndex(store)
