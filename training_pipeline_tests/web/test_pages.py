"""The pages in a real browser on the real system: PostgreSQL, Dagster's daemon, and the trainer where it says so."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from training_pipeline.domain.access import Role
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.study import StudyStatus
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.polling import until
from training_pipeline.testing.soak import share
from training_pipeline.testing.studies.seen_study import seen_study
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.trainers import either_trainer
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, serious, shuts_out
from training_pipeline.training_jobs.store import lineage, metrics
from training_pipeline.training_jobs.store.events import EventType

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
#: Until Dagster has launched a job, or the backend has confirmed a cancel: several processes start for it.
LAUNCH = 240_000


@pytest.fixture(scope="module")
def system(
    prepared: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython
) -> Iterator[RunningSystem]:
    output = tmp_path_factory.mktemp("pages") / "up.out"
    with temporary_state(prepared) as state, closing(RunningSystem(state, output, python=warm_python)) as running:
        del running.environment["PYTEST_CURRENT_TEST"]  # NiceGUI would believe that it is tested itself
        behaviour = json.dumps({"steps": 9000, "seconds_per_step": 0.1})
        trainer = [sys.executable, either_trainer.__file__, behaviour]
        running.environment["TRAINING_PIPELINE_LOCAL_TRAINER"] = shlex.join(trainer)
        running.up()
        yield running


@pytest.fixture(scope="module")
def chromium(system: RunningSystem) -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture(scope="module", autouse=True)
def under_way(system: RunningSystem) -> str:
    """The id of a job that trains until it is cancelled. It is launched while the first test is at work."""
    return system.create().id


@pytest.fixture
def base(system: RunningSystem) -> str:
    return f"http://127.0.0.1:{system.environment['TRAINING_PIPELINE_API_PORT']}"


@pytest.fixture
def visitor(chromium: Browser, base: str) -> Iterator[Visitor]:
    someone = Visitor(chromium, base)
    yield someone
    someone.close()


@pytest.fixture(scope="module")
def asking(
    system: RunningSystem, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython
) -> Iterator[Serving]:
    """A second server on the same installation, which asks for tokens."""
    server = Serving(
        system.environment, tmp_path_factory.mktemp("asking") / "serve.log", python=warm_python, auth="token"
    )
    server.start()
    yield server
    server.stop(signal.SIGKILL)


def finished(system: RunningSystem, status: JobStatus, **values: object) -> TrainingJob:
    """A job that has ended like this before anybody looked: Dagster never sees it."""
    now = datetime.now(UTC)
    over = {"status": status, "completed_at": now, "finalized_at": now, "created_by": "ada", **values}
    return system.services.store.create(new_job(**over), message="Created.")


def job_id_of(page: Page) -> str:
    page.wait_for_url(re.compile(r"/train/jobs/tj-"))
    found = re.search(r"/train/jobs/([\w-]+)", page.url)
    assert found is not None
    return found.group(1)


def test_a_job_from_the_form_to_a_pair_of_its_lineage(visitor: Visitor, system: RunningSystem, base: str) -> None:
    page = alive(visitor.open("/"))
    expect(page).to_have_url(f"{base}/train")
    page.get_by_role("link", name="Train on Document triage").click()
    expect(page.get_by_text("Approved: 398 | Training allowed: 324 | Training prohibited: 74")).to_be_visible()
    expect(page.get_by_role("row", name="training is prohibited contains PHI 40")).to_be_visible()
    expect(page.get_by_text("248 training pairs, 62 validation pairs")).to_be_visible()
    page.get_by_label("Model name").fill("Real Model")
    expect(page.get_by_label("Model name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Model name").fill("real-model")
    expect(page.get_by_label("Model name")).not_to_have_attribute("aria-invalid", "true")
    page.get_by_label("Learning rate", exact=True).fill("0.05")
    page.get_by_role("button", name="Use 0.002 for Learning rate").click()
    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.002")
    page.get_by_label("Epochs", exact=True).fill("6")
    page.get_by_label("Share of the pairs").fill("0.7")
    expect(page.get_by_text("217 training pairs, 93 validation pairs")).to_be_visible()
    expect(page.get_by_text("168")).to_be_visible()  # ceil(217 / 8) steps an epoch
    page.reload()
    expect(page.get_by_label("Model name")).to_have_value("real-model")
    expect(page.get_by_label("Share of the pairs")).to_have_value("0.7")
    expect(page.get_by_text("217 training pairs, 93 validation pairs")).to_be_visible()
    page.get_by_text("Preview of the training data").click()
    expect(page.get_by_text("assistant").first).to_be_visible()
    page.get_by_role("button", name="Create training job").dblclick()

    page.wait_for_url(re.compile(r"/train/jobs/tj-"))
    assert system.services.jobs.list(search="real-model")[1] == 1
    alive(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Metrics").click()
    expect(page.get_by_role("img", name=re.compile("^Loss over steps: Training from"))).to_be_visible(timeout=LAUNCH)
    assert page.evaluate("window.sameDocument") is True
    page.reload()
    expect(page.get_by_role("link", name="Metrics")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("img", name=re.compile("^Loss over steps: Training from"))).to_be_visible()
    expect(page.locator(".badge", has_text="succeeded").first).to_be_visible(timeout=240_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) > 50

    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("Saving the model.")
    page.get_by_role("link", name="Result").click()
    expect(page.get_by_text(re.compile("^The trained model predicts"))).to_be_visible()
    assert serious(page) == []
    of_pair = page.get_by_role("link", name=re.compile("^Ask pair")).first
    asked = str(of_pair.get_attribute("aria-label")).removeprefix("Ask pair ")
    of_pair.click()
    expect(page.get_by_label("Or the question of a validation pair")).to_have_value(asked)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
    assert serious(page) == []
    page.go_back()

    page.get_by_role("link", name="Lineage").click()
    page.locator("summary", has_text="Train split").click()
    page.get_by_role("searchbox", name="Search pair ids").fill("qa-0003")
    expect(page.get_by_role("row", name=re.compile("^qa-0003 INV-1179"))).to_be_visible()
    expect(page.locator(".pair-table tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=qa-0003"))
    page.reload()
    expect(page.locator(".pair-table tbody tr")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search pair ids")).to_have_value("qa-0003")
    page.locator("summary", has_text="Excluded").click()
    expect(page.get_by_role("row", name=re.compile("training is prohibited")).first).to_be_visible()
    excluded = page.locator("main").inner_text()
    assert "Invoice from" not in excluded


def test_bar_and_steps_move_on_a_page_that_stays_open(visitor: Visitor, under_way: str) -> None:
    page = alive(visitor.open(f"/train/jobs/{under_way}/metrics"))
    page.evaluate("window.sameDocument = true")
    bar = page.get_by_role("progressbar", name="Progress of the training")
    expect(bar).to_be_visible(timeout=LAUNCH)
    seen: set[tuple[float, str]] = set()

    def moved() -> bool:
        steps = page.locator(".panel-head .muted").first.inner_text()
        seen.add((float(bar.get_attribute("aria-valuenow") or 0), steps))
        return len({progress for progress, _ in seen}) > 2 and len({steps for _, steps in seen}) > 2

    until(moved, seconds=180, what="the movement of bar and steps")
    assert page.evaluate("window.sameDocument") is True


def test_the_server_is_restarted_in_the_middle(
    chromium: Browser, system: RunningSystem, under_way: str, tmp_path: Path, warm_python: WarmPython
) -> None:
    server = Serving(system.environment, tmp_path / "serve.log", python=warm_python)
    server.start()
    person = Visitor(chromium, server.base)
    try:
        page = alive(person.open(f"/train/jobs/{under_way}/events"))
        expect(page.get_by_text("Created.")).to_be_visible()
        server.stop(signal.SIGKILL)
        expect(page.get_by_text("Connection lost")).to_be_visible()
        system.services.store.record(under_way, EventType.INFO, "While nobody served.")
        server.start()
        expect(page.get_by_text("While nobody served.")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        expect(page.get_by_role("link", name="Events")).to_have_attribute("aria-current", "page")
    finally:
        server.stop()
        person.faults.clear()  # the browser says that the server was away
        person.close()


def test_a_viewer_logs_in_and_can_change_nothing(
    chromium: Browser, system: RunningSystem, under_way: str, asking: Serving
) -> None:
    failed = finished(system, JobStatus.FAILED, error_message="No.")
    person = Visitor(chromium, asking.base)
    page = person.open(f"/train/jobs/{under_way}/events")
    page.wait_for_url(re.compile(r"/train/login\?next="))
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    person.faults.clear()  # the refusal
    token, text = system.services.tokens.create("eve", Role.VIEWER, timedelta(days=1), created_by="root")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{asking.base}/train/jobs/{under_way}/events")
    alive(page)
    expect(page.get_by_text("Created.")).to_be_visible()
    expect(page.locator(".who")).to_contain_text("eve")
    expect(page.get_by_role("button", name="Cancel job")).to_have_count(0)
    alive(person.open("/train"))
    for path, absent in ((f"/train/jobs/{failed.id}", "Retry"), ("/train", "Cancel"), ("/train", "New training job")):
        page.goto(f"{asking.base}{path}")
        alive(page)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text(absent, exact=True)).to_have_count(0)
    page.goto(f"{asking.base}/train/new?retry={failed.id}")
    expect(page.get_by_text("This requires the role operator; eve has the role viewer.")).to_be_visible()
    refused = page.evaluate(
        f"fetch('/api/v1/training/jobs/{under_way}/cancel', {{method: 'POST'}}).then((r) => r.status)"
    )
    assert refused == 401  # a session is nothing to the API
    person.faults.clear()
    system.services.tokens.revoke(token.id, by="root")
    back = quote(f"/train/new?retry={failed.id}", safe="")
    page.wait_for_url(f"{asking.base}/train/login?next={back}")  # by itself, and it knows where to return to
    _, text = system.services.tokens.create("eve", Role.OPERATOR, timedelta(days=1), created_by="root")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Create retry")).to_be_visible()
    other = alive(person.open("/train"))
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{asking.base}/train/login")
    other.wait_for_url(f"{asking.base}/train/login?next={quote('/train', safe='')}")  # so does every other tab
    person.faults.clear()
    person.close()


def test_cancel_and_retry_with_another_learning_rate_while_a_second_browser_looks(
    visitor: Visitor, chromium: Browser, system: RunningSystem, under_way: str, base: str
) -> None:
    other = Visitor(chromium, base, color_scheme="dark")
    page, second = (
        alive(visitor.open(f"/train/jobs/{under_way}")),
        alive(other.open("/train?status=pending,queued,running")),
    )
    expect(second.get_by_role("link", name="triage", exact=True).first).to_be_visible(timeout=LAUNCH)
    expect(page.locator(".progress-line")).to_contain_text("of 9,000", timeout=LAUNCH)
    page.get_by_role("button", name="Cancel job").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("wrong sheet")
    dialog.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("heading", name="Cancelled by local: wrong sheet")).to_be_visible(timeout=LAUNCH)
    expect(second.get_by_role("link", name="triage", exact=True)).to_have_count(0)
    assert system.job(under_way).cancellation.reason == "wrong sheet"

    page.get_by_role("link", name="Retry").click()
    page.get_by_label("Learning rate", exact=True).fill("5")
    expect(page.locator("#problem-learning_rate")).to_contain_text("less than or equal to 0.1")
    page.get_by_label("Learning rate", exact=True).fill("0.0005")
    expect(page.locator("#problem-learning_rate")).to_be_hidden()
    page.get_by_role("button", name="Create retry").click()
    page.wait_for_url(lambda url: "/jobs/" in url and under_way not in url)
    retried = job_id_of(page)
    expect(page.get_by_text(f"retry of {under_way}")).to_be_visible()
    rate = page.locator(".fact", has=page.get_by_text("Learning rate", exact=True))
    expect(rate).to_contain_text("0.0005")
    assert system.job(retried).request.requested_config == {"learning_rate": 0.0005}
    expect(second.get_by_role("link", name="triage", exact=True)).to_have_count(1, timeout=LAUNCH)
    second.goto(page.url)
    expect(second.get_by_text(f"retry of {under_way}")).to_be_visible()
    system.services.jobs.cancel(retried, actor="test", reason="done")
    other.close()


def test_filters_live_in_the_address(visitor: Visitor, system: RunningSystem) -> None:
    failed = finished(system, JobStatus.FAILED, error_message="The disk is full.")
    page = alive(visitor.open("/train"))
    page.get_by_role("button", name=re.compile("^failed")).click()
    page.wait_for_url("**/train?status=failed")
    page.get_by_label("Search jobs").fill(failed.id[:-3])
    page.wait_for_url(re.compile(r"search="))
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    expect(page.get_by_label("Search jobs")).to_have_value(failed.id[:-3])
    page.get_by_role("button", name="Model").click()
    expect(page.get_by_role("columnheader", name="Model")).to_have_attribute("aria-sort", "ascending")
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Search jobs")).to_have_value("")
    page.get_by_label("Search jobs").fill("no such job")
    expect(page.get_by_text("No jobs match these filters.")).to_be_visible()
    page.goto(f"{visitor.base}/train?status=nonsense&page=0&sort=price")
    expect(page.locator("table.jobs tbody tr").first).to_be_visible()


def test_a_failed_job_says_its_cause_first(visitor: Visitor, system: RunningSystem) -> None:
    details = {"error_type": "TrainerDied", "log_tail": "Killed"}
    message = "The training program was killed. The last lines of its log:\nKilled"
    failed = finished(system, JobStatus.FAILED, error_message=message, error_details=details)
    page = alive(visitor.open(f"/train/jobs/{failed.id}"))
    cause = page.locator(".cause")
    expect(cause.get_by_role("heading")).to_have_text("The training program was killed. The last lines of its log:")
    expect(cause).to_contain_text("What to do: Check the end of the log.")
    expect(cause.locator("time, local-time")).to_have_count(0)
    expect(page.locator(".meta local-time")).to_have_attribute("title", re.compile("20\\d\\d.*(GMT|CET|CEST)"))


def test_a_trained_job_that_waits_is_finished_by_a_button(visitor: Visitor, system: RunningSystem) -> None:
    now = datetime.now(UTC)
    trained = new_job(
        status=JobStatus.RUNNING,
        backend_status=JobStatus.SUCCEEDED,
        launched_at=now,
        finalize_attempt=4,
        finalize_after=now + timedelta(hours=1),
        error_message="Its model is trained and kept, but the job could not be finished yet: MLflow does not answer.",
        error_details={"code": "unfinished"},
    )
    system.services.store.create(trained, message="Created.")
    page = alive(visitor.open(f"/train/jobs/{trained.id}"))
    expect(page.locator(".cause").get_by_role("heading")).to_contain_text("Its model is trained and kept")
    page.get_by_role("button", name="Finish now").click()
    until(lambda: "Asked to finish now." in system.story(trained.id), what="the event")


def test_an_address_without_anything(visitor: Visitor) -> None:
    for path in ("/train/nowhere", "/train/jobs/tj-none", "/train/jobs/tj-none/events", "/train/new?retry=tj-none"):
        answer = visitor.open("/train").goto(f"{visitor.base}{path}")
        assert answer is not None
        assert answer.status == 404
    visitor.faults.clear()  # the browser reports each


@pytest.mark.soak  # the gate looks at a third of them
def test_everybody_can_use_every_page(chromium: Browser, base: str, system: RunningSystem) -> None:
    succeeded = next(iter(system.services.jobs.list(statuses=[JobStatus.SUCCEEDED])[0]), None)
    shown = succeeded or finished(system, JobStatus.CANCELLED)
    failed = finished(system, JobStatus.FAILED, error_message="The disk is full.", error_details={"code": "x"})
    person = Visitor(chromium, base)
    page = person.open("/train/login")
    trouble = {}
    pages: tuple[tuple[str, str | re.Pattern[str]], ...] = (
        ("/train/login", "Log in"),
        ("/train", "Training sheets"),
        ("/train/new?sheet=sheet-123&epochs=99", "input should be"),
        (f"/train/new?retry={failed.id}", "Optimizer steps"),
        (f"/train/jobs/{failed.id}", "What to do"),
        (f"/train/jobs/{shown.id}", "Configuration"),
        (f"/train/jobs/{shown.id}/metrics", "Training time"),
        (f"/train/jobs/{shown.id}/events", re.compile("^Created")),  # a retry says of what
        (f"/train/jobs/{shown.id}/lineage?open=train,gates", "Lineage"),
        ("/train/nowhere", "Page not found"),
    )
    for path, ready in share(pages, 3):
        page.goto(f"{base}{path}")
        if not path.endswith("login"):
            alive(page)
        expect(page.get_by_text(ready).first).to_be_visible()
        if found := shuts_out(page):
            trouble[path] = found
    person.faults.clear()
    person.close()
    assert trouble == {}


def test_two_jobs_are_compared_from_the_lineage_of_one(visitor: Visitor, system: RunningSystem, base: str) -> None:
    first, second = (
        prepared(system.services, finished(system, JobStatus.CANCELLED, split_seed=seed, model_name="compared").id)
        for seed in ("one", "two")
    )
    page = alive(visitor.open(f"/train/jobs/{second.id}/lineage"))
    page.get_by_label("Compare with").select_option(first.id)
    expect(page).to_have_url(f"{base}/train/jobs/{first.id}/diff/{second.id}")
    expect(page.get_by_role("row", name="split_seed one two")).to_be_visible()
    expect(page.get_by_role("link", name="added 0")).to_be_visible()
    moved = page.get_by_role("region", name="Changed pairs table").get_by_role("row")
    expect(moved.filter(has_text="moved").first).to_be_visible()
    page.get_by_role("link", name=re.compile("^moved [1-9]")).click()
    expect(page.get_by_role("link", name=re.compile("^moved"))).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("change=moved&cursor="))
    assert serious(page) == []
    page.get_by_role("link", name=re.compile("^removed")).click()
    expect(page.get_by_text("No pairs removed.")).to_be_visible()
    page.goto(f"{base}/train/jobs/{first.id}/diff/tj-20260101-000000-aaaaaa")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    visitor.faults.clear()  # the browser reports the 404


def test_jobs_that_are_ticked_are_seen_side_by_side(visitor: Visitor, system: RunningSystem, base: str) -> None:
    store = system.services.store
    first, second, third = (
        prepared(system.services, finished(system, JobStatus.CANCELLED, split_seed=seed, model_name="side").id)
        for seed in ("one", "one", "two")
    )
    for job, loss in ((first, 2.0), (second, 1.0), (third, 3.0)):
        points = [point(name, step, loss / step) for step in range(1, 21) for name in ("train_loss", "val_loss")]
        metrics.add_points(store, job, points, len(points))
    page = alive(visitor.open("/train?search=side"))
    for job in (first, third):
        page.get_by_role("checkbox", name=job.id).check()
    expect(page.get_by_text("2 jobs ticked")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"ticked={first.id}(,|%2C){third.id}"))  # it follows what is shown
    page.reload()
    expect(page.get_by_role("checkbox", name=third.id)).to_be_checked()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page).to_have_url(f"{base}/train/compare?jobs={first.id},{third.id}")
    expect(page.get_by_text("The validation losses may not be compared")).to_be_visible()
    expect(page.get_by_role("row", name="split_seed one two")).to_be_visible()
    chart = page.get_by_role("img", name="Validation loss over steps: A side from 2 to 0.1; B side from 3 to 0.15")
    expect(chart).to_have_attribute("data-drawn", re.compile("[0-9]+"))
    page.evaluate("window.sameDocument = true")
    for name in ("Time", "Log", "0.9"):
        page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name=f"B side ({third.id})").click()
    query = f"x=time&scale=log&smoothing=0.9&hide={third.id}"
    expect(page).to_have_url(f"{base}/train/compare?jobs={first.id},{third.id}&{query}")
    smoothed = page.get_by_role(
        "img", name=re.compile("^Validation loss over time, smoothed by 0.9: A side from 2 to [^;]*$")
    )
    expect(smoothed).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name=f"B side ({third.id})")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.sameDocument") is True
    with page.expect_download() as picture:
        page.get_by_role("button", name="Download validation loss as a picture").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    page.goto(f"{base}/train/compare?jobs={second.id},{first.id},{third.id}&hide={second.id}&start=5&end=9")
    expect(
        page.get_by_role("img", name=re.compile("^Validation loss over steps: B side from 0.4 to 0.2222;"))
    ).to_be_visible()
    assert shuts_out(page) == {}
    page.get_by_role("link", name=re.compile("^Remove B")).click()
    expect(page).to_have_url(f"{base}/train/compare?jobs={second.id},{third.id}&hide={second.id}&start=5&end=9")
    page.goto(f"{base}/train/compare?jobs={first.id},{first.id},nobody")
    expect(page.get_by_text("These jobs cannot be compared")).to_be_visible()
    expect(page.get_by_text("there is no training job 'nobody'")).to_be_visible()
    assert serious(page) == []


def test_where_a_pair_an_item_and_a_sheet_were_used(visitor: Visitor, system: RunningSystem, base: str) -> None:
    job = prepared(system.services, finished(system, JobStatus.CANCELLED, model_name="used").id)
    page = alive(visitor.open(f"/train/jobs/{job.id}/lineage?open=train"))
    pair = page.get_by_role("region", name="Pairs table").get_by_role("link").first
    pair_id = pair.inner_text()
    pair.click()
    expect(page).to_have_url(f"{base}/train/uses?pair={pair_id}")
    expect(page.get_by_role("heading", name="Models that learned from it")).to_be_visible()
    datasets = page.get_by_role("region", name="Datasets of sheet-123 table")
    expect(datasets.get_by_role("link", name=job.id)).to_be_visible()
    assert serious(page) == []
    item = page.get_by_role("region", name="Rows of sheet-123 table").get_by_role("link").nth(1)
    name = item.inner_text()
    item.click()
    expect(page).to_have_url(f"{base}/train/uses?item={name}")
    page.goto(f"{base}/train/uses?sheet=sheet-123")
    expect(datasets.get_by_role("link", name=job.id)).to_be_visible()
    page.goto(f"{base}/train/uses?pair=nobody")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    page.goto(f"{base}/train/uses")
    expect(page.get_by_text("This question cannot be answered")).to_be_visible()
    visitor.faults.clear()  # the browser reports the 404


def test_a_steward_revokes_an_item_and_its_models_pages_say_so(
    visitor: Visitor, system: RunningSystem, base: str, tmp_path: Path
) -> None:
    rows = [row("p-1", "train", item_ref="withdrawn-item"), row("p-2", "validation")]
    dataset = dataset_of(tmp_path, "invoices", rows)
    store = system.services.store
    job = job_with(store, system.services.uses, "invoices", dataset, version="7", status=JobStatus.SUCCEEDED)
    page = alive(visitor.open(f"/train/jobs/{job.id}"))
    expect(page.get_by_text("This model is tainted")).to_be_hidden()
    page = alive(visitor.open("/train/uses?item=withdrawn-item"))
    page.get_by_role("button", name="Revoke everywhere").click()
    expect(page.get_by_text(f"It will taint 1 model: {job.request.model_name} 7.")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("must have 1 to 1,000 characters")).to_be_visible()
    page.get_by_label("Reason").fill("consent withdrawn")
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page).to_have_url(re.compile(f"{base}/train/revocations/rv-"))
    expect(page.get_by_text("consent withdrawn")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("region", name="Tainted models table").get_by_role("link", name=job.id).click()
    expect(page.get_by_text("This model is tainted")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("link", name="Revocations").click()
    expect(page.get_by_role("cell", name="item withdrawn-item")).to_be_visible()
    assert serious(page) == []
    page.goto(f"{base}/train/revocations/rv-20260101-000000-aaaaaa")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    visitor.faults.clear()  # the browser reports the 404


def test_a_model_version_from_the_list_to_its_verdict(visitor: Visitor, system: RunningSystem, base: str) -> None:
    job = prepared(system.services, finished(system, JobStatus.SUCCEEDED, model_name="shown").id)
    lineage.set_model(system.services.store, job.id, version="3", files={"model.safetensors": "0" * 64})
    system.services.store.update(job.id, {"uc_model_name": "main.ml.shown", "uc_model_version": "3"})
    page = alive(visitor.open("/train"))
    page.get_by_label("Search jobs").fill(job.id)
    expect(page.get_by_role("link", name="v3", exact=True)).to_have_attribute("href", "/train/models/main.ml.shown/3")
    page.get_by_role("link", name="Models").click()
    page.get_by_role("combobox", name="Model", exact=True).select_option("main.ml.shown")
    expect(page).to_have_url(f"{base}/train/models?name=main.ml.shown")
    expect(page.get_by_text("1 version found")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("link", name="main.ml.shown version 3").click()
    expect(page).to_have_url(f"{base}/train/models/main.ml.shown/3")
    expect(page.get_by_role("row", name="compliance@example.org 310")).to_be_visible()
    expect(page.get_by_role("row", name="model.safetensors - 0000")).to_be_visible()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("row", name="pass rows Its rows may still be trained on, all of them.")).to_be_visible()
    expect(page.get_by_role("row", name="unknown mlflow")).to_be_visible()
    page.get_by_label("Margins").fill("exact_match")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("'exact_match' is no METRIC=NUMBER")).to_be_visible()
    page.get_by_label("Margins").fill("exact_match=0.02")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("champion still names no version.")).to_be_visible()
    expect(page.get_by_role("row", name="not enough evidence an evaluation this version was not")).to_be_visible()
    expect(page.get_by_role("row", name="champion none 3 not enough evidence no")).to_be_visible()
    page.get_by_label("Reason to roll back").fill("too slow")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("was never moved from here")).to_be_visible()
    assert shuts_out(page) == {}
    page.goto(f"{base}/train/models/main.ml.show/3")
    expect(page.get_by_text("Nearest: main.ml.shown.")).to_be_visible()
    visitor.faults.clear()  # the browser reports the 404


def test_a_study_from_the_list_to_a_job_like_its_best_trial(visitor: Visitor, system: RunningSystem, base: str) -> None:
    seen_study(system.services, "seen")
    # Nobody has looked at it yet: the running system finds that all its trials are over, and ends it.
    seen_study(system.services, "going", status=StudyStatus.RUNNING, ended_at=None, why="")
    page = alive(visitor.open("/train/studies"))
    expect(page.get_by_role("row", name=re.compile("^going .*finished"))).to_be_visible()
    page.get_by_label("Created by").select_option("ada")
    page.wait_for_url("**/train/studies?creator=ada")
    page.get_by_role("link", name="seen", exact=True).click()
    expect(page).to_have_url(f"{base}/train/studies/seen")
    best = page.get_by_role("region", name="Best trial")
    expect(best).to_contain_text("Trial 6: validation loss 0.4376selected")
    expect(page.get_by_text("8 succeeded, 2 pruned, 1 failed, 1 cancelled")).to_be_visible()
    chart = page.get_by_role(
        "img", name="10 trials as parallel coordinates over Learning rate, LoRA rank and validation loss"
    )
    expect(chart).to_have_attribute("data-drawn", re.compile("[0-9]+"))
    over_time = "Best validation loss so far over time: from 1.130 of trial 1 to 0.4376 of trial 6 after 59 min 42 s"
    expect(page.get_by_role("img", name=over_time)).to_be_visible()
    pruned = page.get_by_role("row", name=re.compile("^7 pruned"))
    expect(pruned).to_contain_text("pruned at evaluation 2: 6th of 7")
    expect(pruned.get_by_role("link", name=re.compile("^Job of trial 7: tj-"))).to_be_visible()
    assert shuts_out(page) == {}
    best.get_by_role("link", name="Create job from trial").click()
    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.0006")
    expect(page.get_by_label("Model name")).to_have_value("triage")
    page.goto(f"{base}/train/studies/nobody")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    visitor.faults.clear()  # the browser reports the 404


def test_the_keyboard_reaches_everything(visitor: Visitor) -> None:
    page = alive(visitor.open("/train"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New training job")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/train/new*")
    assert page.evaluate("document.documentElement.lang") == "en-US"
