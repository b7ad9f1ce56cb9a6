"""A person at Dagster's UI: what mouse and keyboard do there, in real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml
from playwright.sync_api import FloatRect, Locator, Page, expect, sync_playwright

from training_pipeline.testing.ui.chromium import ARGUMENTS, CHROMIUM

#: Far more than anything takes on a machine that has nothing else to do.
SECONDS: Final = 240


class DagsterUI:
    """One tab of one browser. Every wait is for something that is seen."""

    def __init__(self, page: Page, url: str, images: Path | None = None) -> None:
        self.page = page
        self.url = url
        self.images = images

    def launch(self, job: str, op: str, config: Mapping[str, object], *, says: str = "", picture: str = "") -> str:
        """Write the configuration into the Launchpad of a job and launch it; the id of the run, whose page is shown.

        `says` is what the page says before anything is typed.
        """
        self.page.goto(f"{self.url}/locations/training_pipeline/jobs/{job}/playground")
        button = self.page.get_by_role("button", name="Launch Run")
        expect(button).to_be_visible(timeout=SECONDS * 1000)
        if says:
            self.sees(says)
            self.picture(f"{picture}-empty")
        self.page.locator(".cm-content, .CodeMirror").first.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(yaml.safe_dump({"ops": {op: {"config": config}}}, sort_keys=False))
        expect(button).to_be_enabled(timeout=SECONDS * 1000)
        self.picture(picture)
        button.click()
        self.page.wait_for_url("**/runs/**", timeout=SECONDS * 1000)
        return self.page.url.rpartition("/")[2].partition("?")[0]

    def until_run(self, status: str) -> None:
        """Wait until the run on this page shows a status: Success, Failure or Canceled."""
        shown = self.page.get_by_text(re.compile(rf"^{status}$")).first
        expect(shown).to_be_visible(timeout=SECONDS * 1000)

    def lineage(self) -> None:
        """Open the whole lineage of the model."""
        self.page.goto(f"{self.url}/assets/fine_tuned_model?view=lineage")
        self.click("Upstream")
        self.click("All")
        self.page.wait_for_url("**lineageDepth=*")
        self.sees("fine_tuning_run")
        self.page.mouse.dblclick(600, 180)  # on nothing: it brings all of the graph into sight
        self.sees("prompt_template")

    def asset(self, key: str, *, partition: str = "", view: str = "partitions") -> None:
        """Open a tab of an asset's page."""
        self.page.goto(f"{self.url}/assets/{key}?view={view}" + (f"&partition={partition}" if partition else ""))
        expect(self.page.get_by_text(key).first).to_be_visible(timeout=SECONDS * 1000)

    def show_graph(self) -> None:
        """The whole lineage of the model, in a picture of its own shape."""
        self.page.set_viewport_size({"width": 1600, "height": 640})
        self.lineage()
        self.drag(-30)
        self.picture("graph")
        self.page.set_viewport_size({"width": 1280, "height": 800})

    def show_loss_curve(self, partition: str) -> None:
        """The loss curve of a job, among the metadata of its figures."""
        self.asset("training_metrics", partition=partition)
        self.sees("train_loss")
        self.click("[Show Markdown]")
        self.page.get_by_role("img", name="loss over steps").wait_for()
        self.picture("loss-curve")

    def sees(self, text: str | re.Pattern[str], *, seconds: float = SECONDS) -> Locator:
        """Wait until a text is seen."""
        found = self.page.get_by_text(text).first
        expect(found).to_be_visible(timeout=seconds * 1000)
        return found

    def click(self, name: str | re.Pattern[str]) -> None:
        """Click what is seen and has this text."""
        self.page.get_by_text(name, exact=True).filter(visible=True).first.click(timeout=SECONDS * 1000)

    def picture(self, name: str, *, above: str = "") -> None:
        """A screenshot for the documentation, where it is wanted; only what is above the last place of that text."""
        if self.images is not None and name and not name.startswith("-"):
            self.page.wait_for_timeout(2500)  # for what fades in
            self.page.mouse.move(640, 5)
            box = self.page.get_by_text(above).last.bounding_box() if above else None
            clip = FloatRect(x=0, y=0, width=1280, height=box["y"]) if box else None
            self.page.screenshot(path=self.images / f"{name}.png", clip=clip)

    def drag(self, dx: int) -> None:
        """Move a graph sideways, so that nothing lies under the tools at its edge."""
        mouse, (x, y) = self.page.mouse, (1100, 600)
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx, y, steps=5)
        mouse.up()


@contextmanager
def dagster_ui(url: str, images: Path | None = None) -> Iterator[DagsterUI]:
    """A browser on the UI; whoever asks makes sure that there is a Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(SECONDS * 1000)
            yield DagsterUI(page, url, images)
        finally:
            browser.close()
