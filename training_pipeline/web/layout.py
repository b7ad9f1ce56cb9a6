"""The frame of every page: skip link, header, main part and messages; and how an open page is kept up to date."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from nicegui import background_tasks, ui

from training_pipeline.api.events.live import ANY_JOB, TooManyFollowers
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.problem import problem_of
from training_pipeline.urls import Urls
from training_pipeline.web import documentation, urls
from training_pipeline.web.elements import Tag, icon, link
from training_pipeline.web.site import Site

#: A page looks again at most this often, however often its job changes.
PAUSE_SECONDS: Final = 0.5
#: Seconds that a page may take to be made: a server that was just started loads the registry's client or Optuna first,
#: and a comparison reads up to eight datasets.
PAGE_SECONDS: Final = 30.0
#: Where the service cannot be asked, a page asks again after this long.
AGAIN_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
_ASSETS: Final = (
    '<link rel="preload" href="/train/static/fonts/inter.woff2" as="font" type="font/woff2" crossorigin>'
    '<link rel="stylesheet" href="/train/static/train.css?v={version}">'
    '<link rel="stylesheet" href="/train/static/icons.css?v={version}">'
    '<script src="/train/static/page.js?v={version}"></script>'
)


@contextmanager
def frame(title: str, site: Site, caller: Caller | None) -> Iterator[None]:
    """A page with this title; what is created inside is its main part."""
    ui.page_title(f"{title} · training_pipeline")
    ui.add_head_html(_ASSETS.format(version=site.app.version))
    client = ui.context.client
    main = client.page_container.default_slot.children[0]  # Quasar's page is a <main> already
    main.props.update({"id": "main", "tabindex": "-1"})
    client.on_exception(_unforeseen)
    with client.layout:
        _header(site, caller)
        for place, part in enumerate(client.layout.default_slot.children[1:]):
            part.move(client.layout, place)
        stale = Tag("div", classes="stale", id_="stale", role="status")
        stale.set_visibility(False)
        with stale:
            icon("alert")
            Tag("span", "The service is not responding. This page may be out of date.")
        Tag("div", classes="messages", id_="messages", role="status", aria_live="polite")
    yield


def _header(site: Site, caller: Caller | None) -> None:
    Tag("a", "Skip to content", classes="skip", href="#main")
    with Tag("header", classes="top"), Tag("div", classes="top-in"):
        with Tag("a", classes="brand", href=urls.HOME):
            Tag("span", classes="mark", aria_hidden="true")
            Tag("span", "training_pipeline")
        if caller is not None:
            with Tag("nav", classes="places", aria_label="Main"):
                link("Train", urls.HOME)
                link("Import", urls.IMPORT)
                link("Studies", urls.STUDIES)
                link("Models", urls.MODELS)
                link("Revocations", urls.revocations())
                link("Dagster", Urls.of(site.settings).dagster)
            with Tag("nav", classes="places", aria_label="Help"):
                version = site.app.version
                link("Docs", urls.document(documentation.START))
                link("API", urls.document(documentation.REFERENCE), title="API reference")
                link(f"v{version}", urls.document(documentation.CHANGES), title=f"Version {version}: what has changed")
        Tag("span", classes="grow")
        theme = Tag("button", classes="icon-button", type="button", aria_label="Theme: system", title="Theme")
        theme.set(data_theme_button="")
        with theme:
            icon("theme")
        if caller is not None:
            with Tag("span", classes="who", title=f"Role: {caller.role}"):
                icon("person")
                Tag("span", caller.name)
            if caller.token_id is not None:
                out = Tag("button", classes="icon-button", type="button", aria_label="Log out", title="Log out")
                out.set(data_log_out="")
                with out:
                    icon("out")


def say(message: str, *, bad: bool = False) -> None:
    """Show a message for a while, and let it be read aloud."""
    kind = "bad" if bad else "good"
    ui.run_javascript(f"TrainPage.say({_js(message)}, {_js(kind)})")


def go(target: str) -> None:
    """Open another of the pages."""
    ui.navigate.to(target.removeprefix(urls.HOME) or "/")


def set_value(field: Tag, value: str) -> None:
    """Put a value into a field that a person may have typed into."""
    ui.run_javascript(f"TrainPage.setValue({_js(field.html_id)}, {_js(value)})")


def _js(text: str) -> str:
    return json.dumps(text)


def problem(error: PipelineError, *, title: str = "Something went wrong") -> None:
    """An error with its field problems and hint, as worded by the service."""
    found = problem_of(error)
    with Tag("div", classes="notice bad", role="alert"):
        icon("alert")
        with Tag("div"):
            Tag("p", title, classes="notice-title")
            Tag("p", found.detail, classes="prose")
            for field in found.errors:
                with Tag("p"):
                    Tag("code", field.pointer)
                    Tag("span", f" {field.detail}")
            if found.hint:
                Tag("p", found.hint, classes="muted")


def _unforeseen(error: Exception) -> None:
    found = problem_of(error).detail if isinstance(error, PipelineError) else "An unexpected error occurred."
    say(found, bad=True)


class Watch:
    """Watches one job, or all, for changes. To be created before the page of this context reads what it shows.

    If too many clients follow jobs already, the page is shown all the same and says that it is not live.
    """

    def __init__(self, site: Site, caller: Caller, job_id: str = ANY_JOB) -> None:
        self._client = ui.context.client
        self._changed: asyncio.Event | None = None
        changes = ExitStack()
        with suppress(TooManyFollowers):
            self._changed = changes.enter_context(site.live.changes(job_id, token_id=caller.token_id))
        self._client.on_delete(changes.close)

    def keep_fresh(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """Call `refresh` whenever there was a change, as long as the page is open."""
        client, changed = self._client, self._changed
        stale = next(each for each in client.layout.default_slot.children if each.props.get("id") == "stale")
        if changed is None:
            stale.set_visibility(True)
            return

        async def follow() -> None:
            await client.connected()
            while not client.is_deleted:
                await changed.wait()
                changed.clear()
                with client:
                    try:
                        await refresh()
                    except PipelineError:
                        _log.warning("a page could not be brought up to date", exc_info=True)
                        changed.set()
                        stale.set_visibility(True)
                        await asyncio.sleep(AGAIN_SECONDS)
                        continue
                    stale.set_visibility(False)
                await asyncio.sleep(PAUSE_SECONDS)

        task = background_tasks.create(follow(), name=f"keep {client.page.path} fresh")
        client.on_delete(lambda: task.cancel())
