from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.app import waiting as module
from training_pipeline.app.container import Services
from training_pipeline.app.waiting import waiting
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.system.installation import scripted_services


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        yield parts


def test_what_a_job_waits_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [new_job(status=status) for status in (JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.QUEUED)]
    jobs += [new_job(status=status) for status in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED)]
    for job in jobs:
        services.store.create(job, message="Created.")
    stopped = [waiting(services, job) for job in jobs]
    assert all("daemon, which is not running" in said for said in stopped[:4])
    assert stopped[4:] == ["", ""]
    monkeypatch.setattr(module, "daemon_runs", lambda _: True)
    queued = sorted(jobs[:3], key=lambda job: (job.created_at, job.id))
    said = [waiting(services, job) for job in queued]
    assert "next in the queue" in said[0]
    assert "1 job before it" in said[1]
    assert "2 jobs before it" in said[2]
    assert waiting(services, jobs[3]) == "Waiting for Dagster to launch it."
    services.store.update(jobs[3].id, {"launch_claimed_at": jobs[3].created_at})
    assert waiting(services, services.store.get(jobs[3].id)) == "Being prepared by Dagster."
