"""Chromium, as a person's browser: it reaches nothing but the service, and complains of nothing."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from training_pipeline.testing.polling import until
from training_pipeline.testing.system.warm_python import COLD, WarmProcess, WarmPython
from training_pipeline.testing.ui.chromium import ARGUMENTS, CHROMIUM

_COLOURS: Final = ("color-contrast",)
_LOOKS: Final[tuple[tuple[int, Literal["light", "dark"], tuple[str, ...]], ...]] = (
    (1280, "light", ()),
    (1280, "dark", _COLOURS),
    (390, "dark", ()),
    (390, "light", _COLOURS),
)
#: Generous, because the machine is shared; what a person waits for is measured elsewhere.
TIMEOUT: Final = 60_000


def is_installed() -> bool:
    """Whether there is a Chromium here."""
    return CHROMIUM is not None


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A browser, started with these arguments too, for as long as the context is open."""
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A person with a browser. `faults` is what the browser complained of, `strays` what it asked others for."""

    def __init__(self, browser: Browser, base: str, **context: Any) -> None:
        # Whoever asks for less motion has nothing move; drawn without a GPU, it would take a tenth of a core all along.
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 900}, timezone_id="Europe/Vienna", reduced_motion="reduce", **context
        )
        self.base = base
        self.faults: list[str] = []
        self.strays: list[str] = []

    def open(self, path: str) -> Page:
        """A new tab at a path of the service, with everything loaded and alive."""
        page = self.context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: self._asked(asked.url))
        page.goto(f"{self.base}{path}")
        return page

    def close(self) -> None:
        """Leave, and fail where the browser had something to complain of."""
        self.context.close()
        assert self.strays == []
        assert self.faults == []

    def _asked(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != urlsplit(self.base).netloc:
            self.strays.append(url)


def alive(page: Page) -> Page:
    """The page, once its websocket is open."""
    page.wait_for_function("window.did_handshake === true", polling=100)  # a tab in the background paints no frames
    return page


def serious(page: Page, *rules: str) -> list[str]:
    """What axe-core finds wrong that keeps somebody out, as `rule: element`; by all rules, or by these."""
    only: dict[str, Any] = {"runOnly": rules} if rules else {}
    found = Axe().run(page, options={"resultTypes": ["violations"], **only}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def shuts_out(page: Page) -> dict[tuple[int, str], list[str]]:
    """What is wrong with the page for somebody, wide or narrow, light or dark; empty where nothing is.

    Only colours depend on the theme: the rest is looked for once a width. The page is left wide and light.
    """
    found: dict[tuple[int, str], list[str]] = {}
    for width, theme, rules in _LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(100)  # colours fade
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if said := serious(page, *rules) + ([f"{wider} px too wide"] if wider > 0 else []):
            found[width, theme] = said
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Serving:
    """A `training-pipeline serve` of its own, on an installation that is there.

    It is started by `python`; `main` runs the command line in another way than usual.
    """

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        *,
        python: WarmPython = COLD,
        main: Sequence[str] = (),
        **values: str,
    ) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        named = {f"TRAINING_PIPELINE_{name.upper()}": value for name, value in values.items()}
        # Inherited, it makes NiceGUI believe that it is tested itself.
        inherited = {name: value for name, value in environment.items() if name != "PYTEST_CURRENT_TEST"}
        self._environment = {**inherited, **named, "TRAINING_PIPELINE_API_PORT": str(self.port)}
        self._log = log
        self._start = partial(python.start, *main) if main else python.command_line
        self._process: WarmProcess | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = self._start("serve", environment=self._environment, log=self._log)
        until(self._answers, seconds=90, what="an answer of the server")

    def stop(self, sign: int = signal.SIGTERM) -> None:
        """End it and wait for its end."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return bool(opener.open(f"{self.base}/healthz", timeout=5).status == 200)
        except OSError:
            return False


def environment_of(settings_of: dict[str, str]) -> dict[str, str]:
    """The environment of a process on an installation."""
    return {**os.environ, **settings_of}
