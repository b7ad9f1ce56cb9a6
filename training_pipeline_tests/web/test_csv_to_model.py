"""From a spreadsheet's CSV to a registered model in a browser, without a command line, with the real trainer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Visitor, alive, serious

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
DESKS = ("heating desk", "noise desk", "keys desk", "rent desk")
HEAD = "question,reply,ok_for_training,approved_by,decided_by\n"
BAD = "Which desk takes case 99?,,yes,grace,sam\n"


def _lines() -> list[str]:
    words = ("boiler", "party", "door", "payment")
    return [
        f"A tenant writes about the {words[n % 4]} in flat {n}: which desk?,{DESKS[n % 4]},"
        f"{'no' if n % 10 == 0 else 'yes'},grace,sam\n"
        for n in range(60)
    ]


@pytest.fixture
def system(prepared: EmbeddedPostgres, tmp_path: Path) -> Iterator[RunningSystem]:
    with (
        temporary_state(prepared) as state,
        closing(RunningSystem(state, tmp_path / "up.out", real_trainer=True)) as running,
    ):
        running.environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would believe that it is tested itself
        running.up()
        yield running


def test_from_a_csv_to_a_registered_model(system: RunningSystem, tmp_path: Path) -> None:
    bad, mended = tmp_path / "bad" / "desks.csv", tmp_path / "mended" / "desks.csv"
    for file, last in ((bad, BAD), (mended, BAD.replace(",,", ",noise desk,"))):
        file.parent.mkdir()
        file.write_text(HEAD + "".join(_lines()) + last)
    base = f"http://127.0.0.1:{system.environment['TRAINING_PIPELINE_API_PORT']}"
    with browsers.chromium() as chromium:
        person = Visitor(chromium, base)
        page = alive(person.open("/train"))
        page.get_by_role("link", name="Import", exact=True).first.click()
        alive(page).get_by_label("Drop a file here").set_input_files(bad)
        for label, choice in (
            ("Answer", "reply"),
            ("Review status", "every pair: labeled"),
            ("Allowed uses", "ok_for_training"),
            ("Prohibited uses", "every pair: none"),
            ("Classification", "every pair: internal"),
            ("Reviewed by", "approved_by"),
            ("Uses set by", "decided_by"),
            ("yes", "training, validation"),
            ("no", "nothing: not stated, so not trained on"),
        ):
            page.get_by_label(label, exact=True).select_option(label=choice)
        page.get_by_label("Source of the items").fill("Complaints")
        page.get_by_label("Prompt template").fill("Which desk?")
        expect(page.get_by_role("row", name="desks.csv, line 62, reply")).to_be_visible()
        expect(page.get_by_text("61 pairs = 54 eligible + 7 excluded")).to_be_visible()
        page.get_by_label("Drop a file here").set_input_files(mended)
        expect(page.get_by_text("61 pairs = 55 eligible + 6 excluded")).to_be_visible()
        page.get_by_role("button", name="Create sheet").click()

        page.wait_for_url("**/train/sheets/desks")
        expect(page.get_by_text("Its status is review")).to_be_visible()
        expect(page.get_by_text("of 55 pairs")).to_be_visible()
        page.get_by_role("button", name="What would lifting a restriction add?").click()
        expect(page.get_by_role("row", name="training is not an allowed use 6 +6")).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("link", name="Train on desks").click()

        alive(page)
        page.get_by_label("Model name").fill("desks-model")
        page.get_by_label("Epochs", exact=True).fill("2")
        expect(page.get_by_text("44 training pairs, 11 validation pairs")).to_be_visible()
        page.get_by_role("button", name="Create training job").click()
        page.wait_for_url("**/train/jobs/tj-*")
        expect(page.locator(".badge", has_text="succeeded").first).to_be_visible(timeout=400_000)

        page.goto(f"{base}/train/sheets/desks")
        alive(page).get_by_role("link", name="desks-model version 1").click()
        expect(page.get_by_role("heading", name="desks-model version 1")).to_be_visible()
        assert serious(page) == []
        person.close()
