"""One server on which nothing trains, one browser: the header, the documentation, and exports that are imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres
from training_pipeline.testing.servers.postgres import cloned
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, serious, shuts_out

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
#: Whether one element of the header lies over another, or over the page below.
OVERLAPPING = """() => {
    const boxes = [...document.querySelectorAll("header a, header button, header .who, main h1")]
        .map(one => [one.textContent.trim() || one.title, one.getBoundingClientRect()])
        .filter(([, box]) => box.width && box.height);
    return boxes.flatMap(([name, a], place) => boxes.slice(place + 1)
        .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        .map(([other]) => `${name} over ${other}`));
}"""


@pytest.fixture(scope="module")
def server(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython
) -> Iterator[Serving]:
    place = tmp_path_factory.mktemp("quiet")
    with cloned(postgres, DATABASE) as url:
        known = {
            "TRAINING_PIPELINE_STATE_DIR": str(place / "state"),
            "TRAINING_PIPELINE_DATABASE_URL": url.get_secret_value(),
        }
        serving = Serving(environment_of(known), place / "serve.log", python=warm_python)
        serving.start()
        yield serving
        serving.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def person(server: Serving, chromium: Browser) -> Iterator[Visitor]:
    someone = Visitor(chromium, server.base)
    yield someone
    someone.close()


def test_the_header_leads_to_documentation_reference_and_changes(person: Visitor, server: Serving) -> None:
    page = alive(person.open("/train"))
    helping = page.get_by_role("navigation", name="Help")
    helping.get_by_role("link", name="Docs").click()
    expect(page).to_have_url(f"{server.base}/train/docs/index")
    expect(page.get_by_role("heading", name="training_pipeline", level=1)).to_be_visible()
    for width in (1280, 800, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(OVERLAPPING) == [], width
        left, right = (helping.get_by_role("link", name=name).bounding_box() for name in ("Docs", "API"))
        assert left is not None
        assert right is not None
        assert right["x"] - (left["x"] + left["width"]) >= 8, width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert shuts_out(page) == {}
    page.set_viewport_size({"width": 390, "height": 844})
    page.mouse.wheel(0, 400)
    page.wait_for_function("scrollY > 300")
    assert page.evaluate("document.querySelector('header').getBoundingClientRect().bottom") <= 0  # it covers nothing
    page.evaluate("scrollTo(0, 0)")
    helping.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", name="Every operation of the REST API")).to_be_visible()
    helping.get_by_role("link", name=f"v{version('training_pipeline')}").click()
    expect(page.get_by_role("heading", name="Changes", level=1)).to_be_visible()
    assert serious(page) == []


def test_a_link_to_a_heading_and_an_unknown_page(person: Visitor) -> None:
    page = alive(person.open("/train/docs/api#errors"))
    expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_in_viewport()
    assert page.evaluate("scrollY") > 1000
    page.goto(f"{person.base}/train/docs/nothing")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    person.faults.clear()  # the browser reports the 404


def _label_studio() -> list[dict[str, Any]]:
    """Twelve tasks that a reviewer accepted, one cancelled, one that nobody has reviewed, one without answer."""

    def task(number: int, **annotation: Any) -> dict[str, Any]:
        answer = {"type": "textarea", "from_name": "reply", "to_name": "q", "value": {"text": [f"room {number}"]}}
        made = {"id": 100 + number, "completed_by": {"email": "ann@example.org"}, "result": [answer], **annotation}
        return {
            "id": number,
            "data": {"question": f"Where is part {number} kept?"},
            "annotations": [made],
            "project": 1,
        }

    accepted = {"reviews": [{"accepted": True, "created_by": {"email": "bo@example.org"}}]}
    return [
        *(task(number, **accepted) for number in range(1, 13)),
        task(13, was_cancelled=True),
        task(14),
        {**task(15), "annotations": []},
    ]


def _argilla() -> list[dict[str, Any]]:
    """Twelve records with a submitted response, two that were discarded, one with a suggestion alone."""

    def record(number: int, status: str | None) -> dict[str, Any]:
        given = [{"value": f"room {number}", "user_id": "ann", "status": status}]
        return {
            "id": f"r-{number}",
            "fields": {"question": f"Where is part {number} kept?"},
            "responses": {"reply": given} if status else {},
            "suggestions": {"reply": {"value": "room 0", "agent": "a model"}},
        }

    return [
        *(record(number, "submitted") for number in range(1, 13)),
        *(record(number, "discarded") for number in (13, 14)),
        record(15, None),
    ]


def _prodigy() -> list[dict[str, Any]]:
    """Twelve tasks that were accepted, the first by two annotators; one rejected, one ignored, one of two minds."""

    def example(number: int, answer: str, by: str = "ann") -> dict[str, Any]:
        return {
            "text": f"Where is part {number} kept?",
            "user_input": f"room {number}",
            "_input_hash": number,
            "_task_hash": -number,
            "_annotator_id": by,
            "_timestamp": 1767225600 + number,
            "answer": answer,
        }

    return [
        *(example(number, "accept") for number in range(1, 13)),
        example(1, "accept", "bo"),
        example(13, "reject"),
        example(14, "ignore"),
        example(15, "accept"),
        example(15, "reject", "bo"),
    ]


def _tools(directory: Path) -> Iterator[tuple[Path, str, str, str, Sequence[str]]]:
    """Each file, what it is taken for, what of it is left out, the judgement, and the rows that say why."""

    def file(name: str, text: str) -> Path:
        (directory / name).write_text(text)
        return directory / name

    def lines(rows: Sequence[Mapping[str, Any]]) -> str:
        return "".join(json.dumps(row) + "\n" for row in rows)

    rejected, unlabeled, flagged = "rejected by a reviewer - ", "not reviewed yet - ", "flagged by a reviewer - "
    yield (
        file("label-studio.json", json.dumps(_label_studio())),
        "read as Label Studio tasks",
        "Excluded: 1 tasks without an answer.",
        "14 pairs = 12 eligible + 2 excluded",
        [f"{rejected}1", f"{unlabeled}1"],
    )
    yield (
        file("argilla.jsonl", lines(_argilla())),
        "read as Argilla records",
        "Excluded: 1 records without a response.",
        "14 pairs = 12 eligible + 2 excluded",
        [f"{rejected}2"],
    )
    yield (
        file("prodigy.jsonl", lines(_prodigy())),
        "read as Prodigy annotations",
        "Excluded: 2 other annotations of a task.",
        "15 pairs = 12 eligible + 3 excluded",
        [f"{rejected}1", f"{unlabeled}1", f"{flagged}1"],
    )


@pytest.mark.soak
def test_exports_of_annotation_tools_become_sheets_with_the_right_counts(person: Visitor, tmp_path: Path) -> None:
    for file, taken_for, left_out, judged, reasons in drawn(list(_tools(tmp_path))):
        page = alive(person.open("/train/import"))
        page.get_by_label("Drop a file here").set_input_files(file)
        expect(page.get_by_text(taken_for)).to_be_visible()
        expect(page.get_by_text(left_out)).to_be_visible()
        _state(page)
        page.get_by_label("Status of the sheet").select_option("approved")
        page.get_by_role("button", name="Create sheet").click()
        page.wait_for_url(f"**/train/sheets/{file.stem}")
        expect(page.get_by_text(judged)).to_be_visible()
        for reason in reasons:
            expect(page.get_by_role("row", name=reason, exact=True)).to_be_visible()
        page.close()


def _state(page: Page) -> None:
    """What no export says."""
    page.get_by_label("Allowed uses").select_option(label="every pair: training, validation")
    page.get_by_label("Prohibited uses").select_option(label="every pair: none")
    page.get_by_label("Classification").select_option(label="every pair: internal")
    page.get_by_label("Source of the items").fill("Store rooms")
    page.get_by_label("Prompt template").fill("Where is it?")
    expect(page.get_by_role("button", name="Create sheet")).to_be_enabled()
