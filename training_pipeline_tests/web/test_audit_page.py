"""The audit export by one click, the list of jobs, and estimates so far, in a real browser on a server of their own."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.estimated_jobs import estimated
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job, point
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, serious
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
def job(services: Services) -> TrainingJob:
    return succeeded(services)


@pytest.fixture
def server(services: Services, job: TrainingJob, tmp_path: Path, warm_python: WarmPython) -> Iterator[Serving]:
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
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def test_list_duplicate_and_export(
    server: Serving, chromium: Browser, services: Services, job: TrainingJob, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    started = {"started_at": now - timedelta(minutes=3), "progress_percent": 40.0, "train_loss": 0.5}
    running = services.store.create(new_job(status=JobStatus.RUNNING, created_by="eve", **started), message="Created.")
    metrics.add_points(services.store, running, [point("val_loss", 1, 0.4), point("val_loss", 2, 0.6)], 2)
    pending = services.store.create(new_job(created_by="eve"), message="Created.")
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train"))
    row = page.get_by_role("row", name=job.id)
    expect(row).to_contain_text("1 epoch")
    under_way = page.get_by_role("row", name=running.id)
    expect(under_way).to_contain_text("best 0.4000")
    expect(under_way).to_contain_text("3 min")
    page.get_by_label("Created by").select_option("ada")
    expect(page.get_by_role("button", name="running 0")).to_be_visible()  # a facet counts what the filters leave
    assert serious(page) == []
    row.get_by_role("link", name="Duplicate").click()
    expect(page.get_by_label("Model name")).to_have_value("triage")

    waiting = alive(person.open(f"/train/jobs/{pending.id}"))
    expect(waiting.get_by_text("Waiting for Dagster's daemon, which is not running")).to_be_visible()
    expect(waiting.locator(".progress-percent")).to_be_hidden()
    for path, name in (
        (f"/train/jobs/{job.id}", f"audit-{job.id}.zip"),
        ("/train/models/triage/2", "audit-triage-2.zip"),
    ):
        page = alive(person.open(path))
        expect(page.get_by_role("link", name="Audit export")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Audit export").click()
        assert download.value.suggested_filename == name
        saved = tmp_path / name
        download.value.save_as(saved)
        with zipfile.ZipFile(saved) as archive:
            assert "SHA256SUMS" in archive.namelist()
            assert archive.testzip() is None
        assert serious(page) == []
    person.close()


def test_how_good_estimates_have_been(server: Serving, chromium: Browser, services: Services, job: TrainingJob) -> None:
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train"))
    page.get_by_role("link", name="Estimates so far").click()
    expect(page.get_by_text("No succeeded job has had an estimate of its time yet.")).to_be_visible()
    assert serious(page) == []
    for place in range(12):
        last = estimated(services.store, 100.0, 85.0 + 4 * place, place=place, train_loss=0.5, val_loss=0.6)
    page = alive(person.open("/train/estimates"))
    expect(page.get_by_text("92 % (65 % to 99 %)").first).to_be_visible()
    row = page.get_by_role("row", name="builtin:tiny lora here 12")
    expect(row).to_be_visible()
    expect(page.get_by_role("row", name="1 min 20 s to 2 min 05 s 2 min 09 s -22 % no")).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(100)
            assert serious(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            if folder := os.environ.get("SHOTS"):
                page.screenshot(path=f"{folder}/estimates-{width}-{theme}.png", full_page=True)
    page.get_by_role("link", name="triage", exact=True).first.click()
    expect(page).to_have_url(re.compile(last))
    page.get_by_role("link", name="How good estimates are").click()
    expect(page.get_by_role("heading", name="Estimates", exact=True)).to_be_visible()
    person.close()
