"""The page of imports and that of a sheet, in a real browser on a server of their own: nothing trains here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from training_pipeline.domain.access import local_caller
from training_pipeline.domain.pair_edit import PairEdit
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Status
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.reviewing.log import EditLog
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.sheet_files import digest_of
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.servers.postgres import cloned
from training_pipeline.testing.servers.s3 import serving_s3
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, serious, shuts_out
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.uploads.imports import SheetImports
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.staging import Uploads
from training_pipeline_tests.uploads.test_imports import HEAD, ROWS, asked, uploaded

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
#: What would be read as HTML, and ask others for something, if it were not shown as text.
MARKUP = "<img src=https://example.org/x onerror=alert(1)> **[bold](https://example.org)**"
MARKED = f'"Which desk takes {MARKUP}?",desk 1,yes,grace,n\n'
BAD, MENDED = (
    HEAD + MARKED + "".join(ROWS) + f"Which desk takes case 99?,{answer},yes,grace,n\n" for answer in ("", "desk 0")
)


@pytest.fixture(scope="module")
def settings(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One installation for all: each test has its own sheet."""
    with cloned(postgres, DATABASE) as url:
        yield Settings(state_dir=tmp_path_factory.mktemp("imports") / "state", database_url=url, duckdb_threads=1)


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython) -> Iterator[Serving]:
    with serving(settings, tmp_path_factory.mktemp("serving"), warm_python) as server:
        yield server


@contextmanager
def serving(settings: Settings, folder: Path, python: WarmPython, **more: str) -> Iterator[Serving]:
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
        **more,
    }
    server = Serving(environment_of(known), folder / "serve.log", python=python)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def test_a_table_is_shown_as_text_with_what_is_still_to_be_chosen(
    server: Serving, chromium: Browser, tmp_path: Path
) -> None:
    person = Visitor(chromium, server.base)
    page = _import(person, _file(tmp_path / "bad", BAD))
    assert shuts_out(page) == {}
    assert _not_reached(page) == []
    # Without a mouse: what is said of every pair is chosen by its first letters, as in any drop-down.
    page.get_by_label("Review status").focus()
    page.keyboard.type("every pair: labeled")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Review status: choose a column, or the same for every pair.")).to_be_hidden()
    person.close()


@pytest.mark.nightly  # each choice reads the file anew, in a process of its own
def test_from_a_csv_of_yes_and_no_to_a_sheet(
    server: Serving, chromium: Browser, settings: Settings, tmp_path: Path
) -> None:
    bad, mended = (_file(tmp_path / name, text, "cases") for name, text in (("bad", BAD), ("mended", MENDED)))
    staged = {*settings.uploads.iterdir()} if settings.uploads.exists() else set()
    person = Visitor(chromium, server.base)
    page = _import(person, bad)
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
    expect(page.get_by_role("row", name="cases.csv, line 15, reply")).to_be_visible()
    expect(page.get_by_role("button", name="Create sheet")).to_be_enabled()
    assert serious(page) == []
    page.get_by_label("Drop a file here").set_input_files(mended)
    expect(page.get_by_text("14 pairs = 11 eligible + 3 excluded")).to_be_visible()
    expect(page.get_by_role("row", name="cases.csv, line 15, reply")).to_have_count(0)
    expect(page.get_by_label("Allowed uses")).to_have_value("column:ok_for_training")
    page.get_by_label("Status of the sheet").select_option("approved")
    page.get_by_role("button", name="Create sheet").click()

    page.wait_for_url("**/train/sheets/cases")
    expect(page.get_by_role("heading", name="cases", exact=True)).to_be_visible()
    expect(page.get_by_text("14 pairs = 11 eligible + 3 excluded")).to_be_visible()
    expect(page.get_by_text("1 to 14 of 14")).to_be_visible()
    assert {*settings.uploads.iterdir()} <= staged
    person.close()


def test_a_steward_reads_a_sheet_and_reviews_it(
    server: Serving, chromium: Browser, settings: Settings, tmp_path: Path
) -> None:
    imports = SheetImports(Uploads(tmp_path / "staged", UploadLimits()), settings.sheets, GatePolicy())
    imports.create(uploaded(imports, MENDED), asked(sheet_status="approved"), local_caller("local"), replace=False)
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train/sheets/desks"))
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
    page.get_by_role("button", name="What would lifting a restriction add?").click()
    expect(page.get_by_role("row", name="training is not an allowed use 3 +3")).to_be_visible()
    page.get_by_role("button", name="Look for near duplicates").click()
    expect(page.get_by_text("No two pairs that may be trained on")).to_be_visible()
    assert serious(page) == []
    _review(page, settings)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    person.close()


@pytest.mark.nightly  # the pages are others' tests too; what stands behind them is tested without a browser
def test_from_a_bucket_and_a_file_of_others_to_reviewed_sheets(
    chromium: Browser, settings: Settings, tmp_path: Path, warm_python: WarmPython
) -> None:
    pytest.importorskip("moto", reason="an S3 server needs moto: pip install 'training_pipeline[dev]'")
    settings.sheets.mkdir(parents=True, exist_ok=True)
    write_sheet(settings.sheets, "small", rows(12))
    allowed = "s3://acme/in"
    with (
        serving_s3() as s3,
        serving(settings, tmp_path, warm_python, TRAINING_PIPELINE_IMPORT_FROM=allowed, **s3.environment) as server,
    ):
        s3.make_bucket("acme")
        s3.put("acme/in/desks.csv", BAD.encode())
        person = Visitor(chromium, server.base)
        page = alive(person.open("/train/import"))
        page.get_by_text("Or import from a bucket").click()
        page.get_by_label("URL").fill("s3://acme/other/desks.csv")
        page.get_by_role("button", name="Fetch").click()
        expect(page.get_by_text("lies below none of the prefixes")).to_be_visible()
        assert serious(page) == []
        page.get_by_label("URL").fill("s3://acme/in/desks.csv")
        page.get_by_role("button", name="Fetch").click()
        expect(page.get_by_text("Fetched from s3://acme/in/desks.csv, version")).to_be_visible()
        expect(page.get_by_role("cell", name=f"Which desk takes {MARKUP}?")).to_be_visible()
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page = alive(person.open("/train/sheets/small"))
        expect(page.get_by_text("belongs to whoever wrote it")).to_be_visible()
        assert serious(page) == []
        page.get_by_role("button", name="Take over to review it here").click()
        expect(page.get_by_text("Taken over from")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        assert serious(page) == []
        person.close()


def _file(directory: Path, text: str, name: str = "desks") -> Path:
    directory.mkdir()
    file = directory / f"{name}.csv"
    file.write_text(text)
    return file


def _import(person: Visitor, file: Path) -> Page:
    """The page of imports, once it shows the table and asks what is in its columns."""
    page = alive(person.open("/train/import"))
    page.get_by_label("Drop a file here").set_input_files(file)
    expect(page.get_by_text("read as a table of questions and answers")).to_be_visible()
    expect(page.get_by_role("cell", name=f"Which desk takes {MARKUP}?")).to_be_visible()
    expect(page.get_by_role("button", name="Create sheet")).to_be_disabled()
    expect(page.get_by_text("Review status: choose a column, or the same for every pair.")).to_be_visible()
    return page


def _not_reached(page: Page) -> list[str]:
    """What can be used with a mouse and is not come to by Tab, or does not show that it is."""
    can_be_used = "a[href], button:not([disabled]), input:not([disabled]), select, textarea, summary, [tabindex='0']"
    page.evaluate(
        """can_be_used => {
            document.activeElement.blur();
            window.unreached = new Set([...document.querySelectorAll(can_be_used)].filter(
                one => one.checkVisibility({visibilityProperty: true})));
        }""",
        can_be_used,
    )
    plain: set[str] = set()
    for _ in range(page.evaluate("unreached.size") + 5):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one);
                unreached.delete(one);
                const around = one.closest("label") ?? one, ring = getComputedStyle(around);
                return one === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none"
                    || ring.outlineStyle !== "none" || ring.boxShadow !== "none" ? "" : one.outerHTML.slice(0, 160);
            }"""
        )
        plain |= {f"no ring: {shown}"} if shown else set()
    return [*page.evaluate("[...unreached].map(one => one.outerHTML.slice(0, 160))"), *sorted(plain)]


def _review(page: Page, settings: Settings) -> None:
    """A steward allows what was not allowed, mends an answer, and takes one of it back."""
    page.get_by_role("searchbox", name="Search the pairs").fill("")
    page.keyboard.press("Enter")
    page.get_by_label("Verdict").select_option("training_not_allowed")
    expect(page.get_by_text("1 to 3 of 3")).to_be_visible()
    page.get_by_role("button", name="Select all shown").click()
    expect(page.get_by_text("3 pairs selected")).to_be_visible()
    expect(page.get_by_role("button", name="Edit answer")).to_be_disabled()
    page.get_by_role("button", name="Uses …").click()
    dialog = page.get_by_role("dialog", name="What may they be used for?")
    expect(dialog.get_by_label("training", exact=True)).to_have_value("not allowed")
    assert serious(page) == []
    for use in ("training", "validation"):
        dialog.get_by_label(use, exact=True).select_option("allowed")
    dialog.get_by_label("Reason").fill("agreed on in the meeting")
    dialog.get_by_role("button", name="Set uses").click()
    expect(page.get_by_text("14 pairs = 14 eligible + 0 excluded")).to_be_visible()
    expect(page.get_by_text("No pairs match these filters.")).to_be_visible()
    expect(page.get_by_role("row", name="allowed uses none to training, validation")).to_be_visible()

    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Select desks-000014").check()
    page.get_by_role("button", name="Edit answer").click()
    dialog = page.get_by_role("dialog", name="Edit the answer")
    expect(dialog.get_by_label("Answer")).to_have_value("desk 0")
    expect(dialog.get_by_text("Which desk takes case 99?")).to_be_visible()
    dialog.get_by_label("Answer").fill(MARKUP)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("cell", name="answer edited")).to_be_visible()
    expect(page.get_by_role("row", name="desks-000014").first).to_contain_text("local")

    # What somebody else does meanwhile is told, and nothing of it is overwritten.
    files = FileTrainingSheets([settings.sheets])
    page.get_by_label("Select desks-000014").check()
    assert settings.database_url is not None
    engine = Database.at(settings.database_url).engine()
    others = SheetEdits(EditLog(JobStore(engine)), settings.sheets)
    edit = PairEdit(status=Status.FLAGGED)
    others.edit("desks", ["desks-000014"], edit, digest=digest_of(files.files("desks")), actor="grace")
    engine.dispose()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("desks-000014: changed by grace in edit 3: status labeled to flagged")).to_be_visible()
    expect(page.get_by_role("row", name="desks-000014").first).to_contain_text("flagged")
    expect(page.get_by_text("14 pairs = 13 eligible + 1 excluded")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Undo edit 3").click()
    expect(page.get_by_text("undone by edit 4")).to_be_visible()
    expect(page.get_by_role("button", name="What changed since desks@")).to_have_count(4)
    expect(page.get_by_text("14 pairs = 14 eligible + 0 excluded")).to_be_visible()
    assert serious(page) == []


def test_a_file_that_is_none(server: Serving, chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.7")
    person = Visitor(chromium, server.base)
    page = alive(person.open("/train/import"))
    page.get_by_label("Drop a file here").set_input_files(file)
    expect(page.get_by_text("This file cannot be imported")).to_be_visible()
    person.close()
