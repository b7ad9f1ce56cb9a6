"""A study in a real browser on a server of its own, from the form to its end: nothing trains here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.domain.study import StudyStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.studies.seen_study import seen_study, study_of
from training_pipeline.testing.studies.trial_life import begin, report, running
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, serious
from training_pipeline.tuning import records

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        yield parts


@pytest.fixture
def server(services: Services, tmp_path: Path, warm_python: WarmPython) -> Iterator[Serving]:
    settings = services.settings
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    server = Serving(environment_of(known), tmp_path / "serve.log", python=warm_python, auth="token")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def test_a_study_from_the_form_to_its_end(
    server: Serving, chromium: Browser, services: Services, backend: ScriptedBackend
) -> None:
    ada = Visitor(chromium, server.base)
    page = entered(ada, services, "ada", Role.OPERATOR, "/train/new-study?sheet=small")
    expect(page.get_by_text("Choose what is searched to see")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("No Name")
    page.get_by_label("Model name").fill("triage")
    page.get_by_label("How Epochs is searched").select_option("range")
    page.get_by_label("Epochs: from").fill("3")
    page.get_by_label("Epochs: to").fill("2")
    page.get_by_label("Hours", exact=True).fill("0")
    page.get_by_label("Search seed").fill("7")
    page.get_by_role("button", name="Create study").click()
    for field, said in (
        ("#problem-name", "should match pattern"),
        ("#problem-hours", "greater than 0"),
        ("#problem-space-epochs", "low is 3, above high, which is 2"),
    ):
        expect(page.locator(field)).to_contain_text(said)
    page.get_by_label("Name", exact=True).fill("triage-1")
    page.get_by_label("Epochs: to").fill("4")
    page.get_by_label("Hours", exact=True).fill("8")
    page.get_by_label("Most trials").fill("2")
    page.get_by_label("Most at once").fill("2")
    cards = page.get_by_role("group", name="Base model", exact=True).get_by_role("radio")
    page.get_by_label("How Base model is searched").select_option("values")
    expect(cards).to_have_count(0)
    expect(page.get_by_text("On offer: builtin:tiny.")).to_be_visible()
    page.get_by_label("Base model: values").fill("builtin:tiny")
    expect(page.locator("#problem-space-base_model")).to_contain_text("needs two values at least")
    page.get_by_label("How Base model is searched").select_option("")
    expect(cards).not_to_have_count(0)
    expect(page.get_by_text("Optimizer steps")).to_be_visible()
    expect(page.locator(".field-problem:visible")).to_have_count(0)
    page.wait_for_url(re.compile("most_at_once=2"))
    page.reload()
    expect(page.get_by_label("Epochs: to")).to_have_value("4")
    expect(page.get_by_text("Optimizer steps")).to_be_visible()
    expect(page.get_by_text("All 2 trials, at most")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Create study").click()
    page.wait_for_url(f"{server.base}/train/studies/triage-1")
    alive(page)
    asked = services.studies.get("triage-1")
    assert (asked.created_by, asked.request.seed, asked.request.job.training_config.seed) == ("ada", 7, 42)
    expect(page.get_by_text("No trials yet.")).to_be_visible()

    # It goes on, and the page follows.
    page.evaluate("window.sameDocument = true")
    services.advance_studies.advance("triage-1")
    trials = page.get_by_role("region", name="Trials table").get_by_role("row")
    expect(trials).to_have_count(3)
    first = running(services, "triage-1")[0]
    begin(services, backend, first.job_id or "")
    report(services, first.job_id or "", [0.9, 0.7])
    services.store.update(first.job_id or "", {"current_step": 20})
    expect(trials.nth(1)).to_contain_text("0.7000")
    expect(page.get_by_role("img", name=re.compile("^1 trials as parallel coordinates over Epochs"))).to_be_visible()

    for name, role in (("eve", Role.VIEWER), ("bob", Role.OPERATOR)):
        other = Visitor(chromium, server.base)
        seen = entered(other, services, name, role, "/train/studies/triage-1")
        expect(seen.get_by_role("heading", name="triage-1")).to_be_visible()
        expect(seen.get_by_role("button", name="Stop study")).to_have_count(0)
        mine = 0 if role is Role.VIEWER else 2
        expect(seen.get_by_role("link", name=re.compile("^Create job from trial"))).to_have_count(mine)
        if role is Role.VIEWER:
            seen.goto(f"{server.base}/train/new-study")
            expect(seen.get_by_text("This requires the role operator; eve has the role viewer.")).to_be_visible()
        other.close()

    page.get_by_role("button", name="Stop study").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("good enough")
    dialog.get_by_label("Let running trials finish").check()
    assert serious(page) == []
    dialog.get_by_role("button", name="Stop study").click()
    expect(page.get_by_text("Stopped by ada: good enough.")).to_be_visible()
    expect(page.locator(".badge", has_text="ending")).to_be_visible()
    services.studies.stop("triage-1", actor="ada", reason="now")
    for trial in running(services, "triage-1"):
        services.store.update(trial.job_id or "", {"current_step": 30})
    services.advance_studies.advance("triage-1")
    assert page.evaluate("window.sameDocument") is True
    page.get_by_role("link", name="Duplicate").click()
    expect(page.get_by_label("Epochs: to")).to_have_value("4")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")
    ada.close()


def test_the_winner_is_promoted(server: Serving, chromium: Browser, services: Services) -> None:
    seen_study(services, "seen", sheet_id="small")
    ada = Visitor(chromium, server.base)
    page = entered(ada, services, "ada", Role.OPERATOR, "/train/studies/seen")
    page.get_by_role("button", name="Promote").click()
    page.wait_for_url(re.compile("/train/jobs/tj-"))
    (job,) = services.jobs.list(limit=1)[0]
    assert job.id in page.url
    assert job.request.requested_config == {"epochs": 2, "learning_rate": 6e-4, "lora_rank": 16}
    page.goto(f"{server.base}/train/studies/seen")
    expect(page.get_by_text("Promoted:")).to_be_visible()
    expect(page.get_by_role("button", name="Promote")).to_have_count(0)
    ada.close()


def test_the_list_turns_its_pages(server: Serving, chromium: Browser, services: Services) -> None:
    for number in range(26):
        records.add(services.store, study_of(f"study-{number:02d}", status=StudyStatus.FINISHED))
    ada = Visitor(chromium, server.base)
    page = entered(ada, services, "ada", Role.VIEWER, "/train/studies")
    expect(page.get_by_text("1 to 25 of 26")).to_be_visible()
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page).to_have_url(f"{server.base}/train/studies?page=2")
    expect(page.get_by_text("26 to 26 of 26")).to_be_visible()
    expect(page.get_by_role("link", name="study-00")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("link", name="Previous", exact=True).click()
    expect(page.get_by_role("link", name="study-25")).to_be_visible()
    page.goto(f"{server.base}/train/studies?page=3")
    page.get_by_role("link", name="Go to the first page").click()
    expect(page.get_by_text("1 to 25 of 26")).to_be_visible()
    ada.close()


def entered(person: Visitor, services: Services, name: str, role: Role, path: str) -> Page:
    """The page, once the person has logged in with a token of their own."""
    _, text = services.tokens.create(name, role, timedelta(days=1), created_by="root")
    page = person.open(path)
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{person.base}{path}**")
    return alive(page)
