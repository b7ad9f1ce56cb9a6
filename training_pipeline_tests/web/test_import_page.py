"""The page of imports and that of a sheet, in a real browser on a server of their own: nothing trains here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from training_pipeline.settings import Settings
from training_pipeline.testing import browsers
from training_pipeline.testing.browsers import Serving, Visitor, alive, environment_of, serious
from training_pipeline_tests.uploads.test_imports import HEAD, ROWS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
#: What would be read as HTML, and ask others for something, if it were not shown as text.
MARKUP = "<img src=https://example.org/x onerror=alert(1)> **[bold](https://example.org)**"


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Serving]:
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    server = Serving(environment_of(known), tmp_path / "serve.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def test_from_a_csv_of_yes_and_no_to_a_sheet(
    server: Serving, chromium: Browser, settings: Settings, tmp_path: Path
) -> None:
    marked = f'"Which desk takes {MARKUP}?",desk 1,yes,grace,n\n'
    bad, mended = tmp_path / "bad" / "desks.csv", tmp_path / "mended" / "desks.csv"
    for file, last in (
        (bad, "Which desk takes case 99?,,yes,grace,n\n"),
        (mended, "Which desk takes case 99?,desk 0,yes,grace,n\n"),
    ):
        file.parent.mkdir()
        file.write_text(HEAD + marked + "".join(ROWS) + last)
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train/import"))
    page.get_by_label("Drop a file here").set_input_files(bad)
    expect(page.get_by_text("read as a table of questions and answers")).to_be_visible()
    expect(page.get_by_role("cell", name=f"Which desk takes {MARKUP}?")).to_be_visible()
    expect(page.get_by_role("button", name="Create sheet")).to_be_disabled()
    expect(page.get_by_text("Review status: choose a column, or the same for every pair.")).to_be_visible()
    page.get_by_label("Answer", exact=True).select_option(label="reply")
    page.get_by_label("Review status").select_option(label="every pair: labeled")
    page.get_by_label("Allowed uses").select_option(label="ok_for_training")
    page.get_by_label("Prohibited uses").select_option(label="every pair: none")
    page.get_by_label("Classification").select_option(label="every pair: internal")
    page.get_by_label("Reviewed by").select_option(label="approved_by")
    page.get_by_label("yes", exact=True).select_option(label="training, validation")
    expect(page.get_by_text("14 pairs = 10 eligible + 4 excluded")).to_be_visible()
    page.get_by_label("no", exact=True).select_option(label="nothing: not stated, so not trained on")
    page.get_by_label("Source of the items").fill("Incoming cases")
    page.get_by_label("Prompt template").fill("Which desk?")
    expect(page.get_by_role("row", name="desks.csv, line 15, reply")).to_be_visible()
    expect(page.get_by_role("button", name="Create sheet")).to_be_enabled()
    assert serious(page) == []
    page.get_by_label("Drop a file here").set_input_files(mended)
    expect(page.get_by_text("14 pairs = 11 eligible + 3 excluded")).to_be_visible()
    expect(page.get_by_role("row", name="desks.csv, line 15, reply")).to_have_count(0)
    expect(page.get_by_label("Allowed uses")).to_have_value("column:ok_for_training")
    page.get_by_label("Status of the sheet").select_option("approved")
    page.get_by_role("button", name="Create sheet").click()

    page.wait_for_url("**/train/sheets/desks")
    expect(page.get_by_role("heading", name="desks", exact=True)).to_be_visible()
    expect(page.get_by_text("14 pairs = 11 eligible + 3 excluded")).to_be_visible()
    expect(page.get_by_text("1 to 14 of 14")).to_be_visible()
    page.get_by_label("Verdict").select_option("training_not_allowed")
    expect(page.get_by_text("1 to 3 of 3")).to_be_visible()
    expect(page.get_by_role("link", name="Train on desks")).to_be_visible()
    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Search in").select_option("in text")
    page.get_by_role("searchbox", name="Search the pairs").fill("[BOLD]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
    reads = page.get_by_role("button", name="Read pair desks-000001")
    reads.focus()
    page.keyboard.press("Enter")
    said = page.get_by_role("region", name="Conversation")
    expect(said.get_by_text(f"Which desk takes {MARKUP}?")).to_be_visible()
    assert said.locator("img, a, strong").count() == 0
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()
    expect(reads).to_be_focused()
    expect(page.get_by_text("0 of 11 pairs")).to_be_visible()
    page.get_by_label("Cut after").fill("16")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 11 pairs")).to_be_visible()
    page.get_by_role("button", name="What would lifting a reason add?").click()
    expect(page.get_by_role("row", name="training is not an allowed use 3 +3")).to_be_visible()
    page.get_by_role("button", name="Look for near duplicates").click()
    expect(page.get_by_text("No two pairs that may be trained on")).to_be_visible()
    assert serious(page) == []
    assert list(settings.uploads.iterdir()) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    person.close()


def test_a_file_that_is_none(server: Serving, chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.7")
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train/import"))
    page.get_by_label("Drop a file here").set_input_files(file)
    expect(page.get_by_text("This file cannot be imported")).to_be_visible()
    person.close()
