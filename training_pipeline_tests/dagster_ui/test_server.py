"""The process that serves Dagster's UI, and what a page of another origin can do to it from a real browser."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import httpx2
import pytest
from playwright.sync_api import Browser, Page

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.ui import browsers
from training_pipeline_tests.dagster_ui.test_workspace import DEFINITIONS, LAUNCH, SELECTOR, WORKSPACE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium here"),
]
SERVE = "from training_pipeline.dagster_ui.server import serve; serve({workspace!r}, {probe!r}, read_only=False)"
MUTATION = {"query": LAUNCH % "", "variables": {"p": {"selector": SELECTOR}}}
#: Tries everything that a page can do to another server; what it could read, and which websocket opened.
ATTACK = """async ([url, mutation]) => {
  const body = JSON.stringify(mutation), read = [];
  const get = `${url}/graphql?query=${encodeURIComponent(mutation.query)}`
    + `&variables=${encodeURIComponent(JSON.stringify(mutation.variables))}`;
  const tries = [
    [`${url}/graphql`, {method: "POST", body, headers: {"Content-Type": "application/json"}}],
    [`${url}/graphql`, {method: "POST", body, headers: {"Content-Type": "text/plain"}}],
    [`${url}/graphql`, {method: "POST", body, mode: "no-cors"}],
    [get, {}],
    [get, {mode: "no-cors"}],
    [`${url}/report_asset_materialization/thing`, {method: "POST", mode: "no-cors"}],
    [`${url}/server_info`, {}],
    [`${url}/logs/x/compute_logs/y/err`, {}],
  ];
  for (const [address, options] of tries) {
    try {
      const text = await (await fetch(address, {credentials: "include", ...options})).text();
      if (text) read.push(text);
    } catch {}
  }
  for (const [method, action] of [["POST", `${url}/graphql`], ["GET", get], ["POST", get]]) {
    const frame = document.createElement("iframe");
    frame.name = `frame${Math.random()}`;
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, {method, action, target: frame.name, enctype: "text/plain"});
    const field = document.createElement("input");
    [field.name, field.value] = [body.slice(0, -1) + ', "x": "', '"}'];
    form.append(field);
    document.body.append(form);
    form.submit();
    await new Promise(done => { frame.onload = done; setTimeout(done, 3000); });
    try { if (frame.contentDocument?.body.innerText) read.push(frame.contentDocument.body.innerText); } catch {}
  }
  read.push(...await new Promise(done => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-ws");
    socket.onopen = () => done(["an open websocket"]);
    socket.onerror = () => done([]);
  }));
  return read;
}"""
#: What a page of our own does.
ASK = """async ([url, mutation]) => (await fetch(`${url}/graphql`, {
  method: "POST", body: JSON.stringify(mutation), headers: {"Content-Type": "application/json"}
})).json()"""


class Served:
    """A process that serves the UI on an instance of its own."""

    def __init__(self, settings: Settings, folder: Path, auth: str) -> None:
        self.port = browsers.free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        (folder / "dagster.yaml").write_text("telemetry: {enabled: false}")
        (folder / "definitions.py").write_text(DEFINITIONS)
        (folder / "workspace.yaml").write_text(WORKSPACE)
        (folder / "probe").write_text("secret")
        settings.state_dir.mkdir()
        assert settings.database_url is not None
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(folder),
            "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
            "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
            "TRAINING_PIPELINE_WEBSERVER_PORT": str(self.port),
            "TRAINING_PIPELINE_AUTH": auth,
        }
        command = SERVE.format(workspace=str(folder / "workspace.yaml"), probe=str(folder / "probe"))
        self.instance = dg.DagsterInstance.from_config(str(folder))
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([sys.executable, "-c", command], env=environment, stdout=log, stderr=log)

    def answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return httpx2.get(f"{self.base}/login", trust_env=False, timeout=60).status_code in {200, 303}
        except httpx2.HTTPError:
            return False

    def stop(self) -> int:
        self._process.terminate()
        code = self._process.wait(60)
        self.instance.dispose()
        return code


@contextmanager
def page_elsewhere(folder: Path) -> Iterator[int]:
    """The port of a server with an empty page."""
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "index.html").write_text("<!doctype html><body>hello</body>")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder / "elsewhere"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def attacked(page: Page, address: str, target: str) -> list[str]:
    """What a page at the address could read of the target."""
    page.goto(address)
    read: list[str] = page.evaluate(ATTACK, [target, MUTATION])
    return read


@pytest.mark.soak
@pytest.mark.parametrize("auth", drawn(["none", "token"]))
def test_a_page_elsewhere_can_neither_launch_nor_read(
    settings: Settings, tokens: ApiTokens, tmp_path: Path, auth: str
) -> None:
    served = Served(settings, tmp_path, auth)
    try:
        until(served.answers, seconds=90, what="an answer of the UI")
        # The name of the other page leads to this machine, as that of a page that rebinds its own does.
        with (
            page_elsewhere(tmp_path) as port,
            browsers.chromium("--host-resolver-rules=MAP evil.example 127.0.0.1") as browser,
        ):
            _visit(browser, served, tokens, port, auth)
    finally:
        code = served.stop()
    assert code in {0, -15}


def _visit(browser: Browser, served: Served, tokens: ApiTokens, port: int, auth: str) -> None:
    page = browser.new_page(bypass_csp=True)  # what other pages may ask for is up to them
    if auth == "token":
        page.goto(served.base)
        assert page.url.startswith(f"{served.base}/login")
        page.fill("#token", tokens.create("ada", Role.ADMIN, timedelta(days=1), created_by="root")[1])
        page.click("button")
        page.wait_for_url(lambda url: "/login" not in url)
    for host in ("evil.example", "127.0.0.1", "localhost"):
        assert attacked(page, f"http://{host}:{port}/", served.base) == [], host
    rebound = f"http://evil.example:{served.port}"
    page.goto(f"{rebound}/server_info")  # in place of a page that was loaded before its name was made to lead here
    for asked in (MUTATION, {"query": "{ version }"}):
        assert page.evaluate(ASK, [rebound, asked])["code"] == "foreign_host"
    assert served.instance.get_runs_count() == 0
    assert served.instance.get_latest_materialization_event(dg.AssetKey("thing")) is None

    page.goto(f"{served.base}/runs")  # and our own page can do both
    launched = page.evaluate(ASK, [served.base, MUTATION])
    assert launched["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    assert served.instance.get_runs_count() == 1
    page.wait_for_selector("text=work", timeout=browsers.TIMEOUT)
