"""An installation whose jobs are trained by nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.studies.trial_life import TrialBackend
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.training_jobs.lifecycle import new_jobs


@pytest.fixture(autouse=True)
def _a_large_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates are not asked when a job is created, as for a large sheet: that would take most of the time here."""
    monkeypatch.setattr(new_jobs, "COUNTED_AT_ONCE", 0)


@pytest.fixture
def backend() -> TrialBackend:
    return TrialBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: TrialBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        yield parts
