"""Parts of pages without a browser: what they are made of, and what a click does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

from nicegui import Client, core, ui
from nicegui.element import Element
from nicegui.helpers import expects_arguments

from training_pipeline.web.elements import Tag


@asynccontextmanager
async def a_page() -> AsyncIterator[Client]:
    """A page that nobody has open, to make elements in."""
    was, core.loop = core.loop, asyncio.get_running_loop()
    client = Client(ui.page("/part"), request=None)
    try:
        with client:
            yield client
    finally:
        client.delete()
        core.loop = was


def tags(page: Client) -> Iterator[Tag]:
    """Every element of the page, in order of making."""
    return (one for one in list(page.elements.values()) if isinstance(one, Tag))


def said(page: Client) -> list[str]:
    """Every text of the page."""
    return [text for one in tags(page) if (text := text_of(one))]


def text_of(tag: Tag) -> str:
    """The text of an element itself."""
    return tag._text or ""


def named(page: Client, name: str) -> Tag:
    """The one element that is called so, by its text or that of a part of it, or by its name for screen readers."""
    (found,) = (
        one
        for one in tags(page)
        if one.tag in {"button", "input", "select", "textarea"}
        and name
        in {text_of(one), one._props.get("aria-label"), *(text_of(part) for part in one if isinstance(part, Tag))}
    )
    return found


def is_locked(tag: Tag) -> bool:
    """Whether it cannot be clicked."""
    return "disabled" in tag._props


async def happens(tag: Element, event: str = "click", value: Any = None) -> None:
    """An event of the browser at this element, and all that follows from it."""
    assert tag.parent_slot is not None
    with tag.parent_slot:
        for listener in list(tag._event_listeners.values()):
            if listener.type == event and (handler := listener.handler) is not None:
                made = handler(SimpleNamespace(args=value)) if expects_arguments(handler) else handler()
                if isawaitable(made):
                    await made
