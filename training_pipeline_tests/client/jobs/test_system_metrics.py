"""What a caller is told of the machine that a job trained on, and why where nothing was measured."""

from __future__ import annotations

import pytest

from training_pipeline.app.container import Services
from training_pipeline.client.jobs.system_metrics import system_metrics
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job, point
from training_pipeline.testing.system.installation import with_parts
from training_pipeline.training_jobs.store.metrics import add_points


class Measuring(ScriptedBackend):
    """A backend whose runs measure their machine."""

    measures_machine = True


def test_what_was_measured_and_the_extremes_of_much(services: Services) -> None:
    parts = with_parts(services, backend=Measuring())
    job = services.store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    none = system_metrics(parts, job.id, resolution=500)
    assert (none.samples, none.not_measured) == ([], None)
    add_points(services.store, job, [point("system/cpu_percent", n, float(n % 50)) for n in range(200)], 200)
    found = system_metrics(parts, job.id, resolution=500)
    assert (len(found.samples), found.samples_total, found.sampled, found.not_measured) == (200, 200, False, None)
    coarse = system_metrics(parts, job.id, resolution=8)
    assert ([each.cpu_percent for each in coarse.samples], coarse.sampled) == ([0.0, 49.0] * 4, True)
    with pytest.raises(NotFound):
        system_metrics(parts, "tj-none", resolution=500)


def test_why_nothing_was_measured(services: Services) -> None:
    def why(parts: Services, job_id: str) -> str:
        return str(system_metrics(parts, job_id, resolution=500).not_measured)

    parts = with_parts(services, backend=Measuring())
    job = services.store.create(new_job(), message="Created.")
    assert "does not measure its machines" in why(services, job.id)
    over = services.store.create(new_job(status=JobStatus.FAILED), message="Created.")
    assert "ended before" in why(parts, over.id)
    other = services.store.create(new_job(backend="databricks"), message="Created.")
    assert "backend databricks" in why(parts, other.id)
