"""The tab System and the parameters of compared jobs in a real browser, on a server of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job, point
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, shuts_out
from training_pipeline.training_jobs.store import metrics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        yield parts


@pytest.fixture
def server(services: Services, tmp_path: Path, warm_python: WarmPython) -> Iterator[Serving]:
    settings = services.settings
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    server = Serving(environment_of(known), tmp_path / "serve.log", python=warm_python)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visitor(server: Serving) -> Iterator[Visitor]:
    with browsers.chromium() as browser:
        someone = Visitor(browser, server.base)
        yield someone
        someone.close()


def trained(services: Services, config: TrainingConfig, loss: float) -> TrainingJob:
    """A local job that ran for a while, with a loss and 50 samples of a machine without a GPU."""
    began = datetime.fromtimestamp(1_790_000_000, UTC)  # as the points say
    facts = {"started_at": began, "completed_at": began + timedelta(minutes=1), "finalized_at": began}
    values = {"status": JobStatus.SUCCEEDED, "backend": "local", "training_config": config.model_dump(), **facts}
    job = services.store.create(new_job(**values), message="Created.")
    points = [point("val_loss", step, loss / step) for step in (1, 2)]
    for number in range(50):
        points += [
            point("system/cpu_percent", number, 40.0 + number),
            point("system/training_cpu_percent", number, 30.0),
        ]
        points += [point("system/memory_available_mb", number, 4096.0)]
    metrics.add_points(services.store, job, points, len(points))
    return job


def test_the_machine_over_time(visitor: Visitor, services: Services) -> None:
    job = trained(services, TrainingConfig(epochs=1), 2.0)
    page = alive(visitor.open(f"/train/jobs/{job.id}"))
    page.get_by_role("link", name="System").click()
    expect(page.get_by_text("50 samples")).to_be_visible()
    chart = page.get_by_role(
        "img", name="Processor over time: This training from 0.3 to 0.3; Whole machine from 0.4 to 0.89"
    )
    expect(chart).to_have_attribute("data-drawn", re.compile("[0-9]+"))
    expect(page.get_by_role("img", name=re.compile("^GPU"))).to_have_count(0)
    expect(page.get_by_text("not measured").first).to_be_visible()
    page.get_by_label("Seconds: first").fill("10")
    page.get_by_label("Seconds: first").press("Tab")
    page.get_by_role("button", name="This training").click()
    expect(page).to_have_url(f"{visitor.base}/train/jobs/{job.id}/system?hide=training&start=10")
    expect(page.get_by_role("img", name="Processor over time: Whole machine from 0.5 to 0.89")).to_be_visible()
    assert shuts_out(page) == {}
    page.get_by_role("button", name="Whole time").click()
    expect(page.get_by_role("img", name="Processor over time: Whole machine from 0.4 to 0.89")).to_be_visible()
    silent = services.store.create(new_job(backend="databricks"), message="Created.")
    page.goto(f"{visitor.base}/train/jobs/{silent.id}/system")
    expect(page.get_by_text("Not measured. It was trained by the backend databricks")).to_be_visible()


def test_the_parameters_of_compared_jobs(visitor: Visitor, services: Services) -> None:
    rates = (1e-4, 1e-2, 1e-3)
    jobs = [trained(services, TrainingConfig(epochs=1, learning_rate=rate), 2.0 + rate) for rate in rates]
    address = f"{visitor.base}/train/compare?jobs={','.join(job.id for job in jobs)}"
    page = alive(visitor.open(address.removeprefix(visitor.base)))
    chart = page.get_by_role(
        "img", name="A line for each job over learning_rate, Best validation loss, as in the table"
    )
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", re.compile("[0-9]+"))
    expect(page.get_by_role("row", name=re.compile("^A triage 0.0001 1"))).to_be_visible()
    page.get_by_role("button", name="B triage", exact=True).click()
    expect(page).to_have_url(f"{address}&mark={jobs[1].id}")
    expect(page.get_by_role("button", name="B triage", exact=True)).to_have_attribute("aria-pressed", "true")
    assert shuts_out(page) == {}
    page.get_by_role("button", name="B triage", exact=True).click()
    expect(page).to_have_url(address)
    page.go_back()
    expect(page.get_by_role("button", name="B triage", exact=True)).to_have_attribute("aria-pressed", "true")
