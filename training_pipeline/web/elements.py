"""The few kinds of element that pages are made of: the browser's own, which bring keyboard and names with them.

NiceGUI's widgets (Quasar's) have known faults here: sliders and progress bars without names, tables and selects that
are none to a screen reader, faint text. None of them is used; what stands in their place is in this file and, for how
it looks, in `static/train.css`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

from nicegui.element import Element

from training_pipeline.domain.job import JobStatus

#: The element's value, whatever kind of field it is.
VALUE: Final = "(event) => emit(event.target.value)"
NOTHING: Final = "() => emit()"


class Tag(Element):
    """An element of HTML. `aria_label` and the like are attributes with a hyphen; `for_` and `type_` lose the bar."""

    def __init__(self, tag: str, text: str | None = None, /, *, classes: str = "", **attributes: Any) -> None:
        super().__init__(tag)
        self._text = text
        with self._props.suspend_updates():
            for name, value in attributes.items():
                if value is not None:
                    self._props[name.rstrip("_").replace("_", "-")] = value
        if classes:
            self._classes.extend(classes.split())

    def say(self, text: str | None) -> None:
        """Show another text; nothing is sent where it is the same."""
        if text != self._text:
            self._text = text
            self.update()

    def set(self, **attributes: Any) -> None:
        """Set attributes, or remove those that are None; nothing is sent where they are the same."""
        for name, value in attributes.items():
            key = name.rstrip("_").replace("_", "-")
            if value is None:
                self._props.pop(key, None)
            elif self._props.get(key) != value:
                self._props[key] = value

    def look(self, classes: str) -> None:
        """Replace the classes; nothing is sent where they are the same."""
        if list(self._classes) != classes.split():
            self._classes[:] = classes.split()
            self.update()

    def when(self, event: str, handler: Callable[..., Any], js: str = NOTHING, **options: Any) -> Self:
        """Call `handler` with the event's arguments as `js` emits them."""
        return self.on(event, handler, js_handler=js, **options)

    def does(self, action: Callable[[], Awaitable[object]]) -> Self:
        """Do something at a click. Locked until it is done: a double click is one."""
        is_running = False

        async def once() -> None:
            nonlocal is_running
            if is_running:
                return
            is_running = True
            self.set(disabled="")
            try:
                await action()
            finally:
                is_running = False
                self.set(disabled=None)

        return self.when("click", once)


def icon(name: str, **attributes: Any) -> Tag:
    """A decorative icon beside a text; screen readers skip it."""
    return Tag("span", classes=f"icon i-{name}", aria_hidden="true", **attributes)


class BadgeWords(NamedTuple):
    """How a status is shown: the suffix of its CSS class, its icon and its label."""

    look: str
    picture: str
    word: str


_ICONS: Final = {
    JobStatus.PENDING: "clock",
    JobStatus.QUEUED: "stack",
    JobStatus.RUNNING: "play",
    JobStatus.SUCCEEDED: "check",
    JobStatus.FAILED: "alert",
    JobStatus.CANCELLED: "stop",
    JobStatus.TIMEOUT: "hourglass",
}


def badge_of(status: JobStatus, *, stopping: bool = False) -> BadgeWords:
    """The badge of a status; `stopping` means that a cancel is requested and not confirmed yet."""
    return BadgeWords("stopping", "stop", "cancelling") if stopping else BadgeWords(status, _ICONS[status], status)


class Badge:
    """A status badge: label, icon and colour."""

    def __init__(self, status: JobStatus, *, stopping: bool = False) -> None:
        self._whole = Tag("span")
        with self._whole:
            self._icon = icon("clock")
            self._word = Tag("span")
        self.show(status, stopping=stopping)

    def show(self, status: JobStatus, *, stopping: bool = False) -> None:
        """Show another status."""
        badge = badge_of(status, stopping=stopping)
        self._whole.look(f"badge is-{badge.look}")
        self._icon.look(f"icon i-{badge.picture}")
        self._word.say(badge.word)


def word_badge(look: str, picture: str, word: str, *, title: str | None = None) -> None:
    """A badge that never changes."""
    with Tag("span", classes=f"badge is-{look}", title=title):
        icon(picture)
        Tag("span", word)


class Redrawn:
    """A part of a page that is made anew only where what it shows has changed: focus and scrolling stay elsewhere."""

    def __init__(self, tag: str = "div", **attributes: Any) -> None:
        self._place = Tag(tag, **attributes)
        self._shown: object = None

    def show(self, what: object, make: Callable[[], None]) -> None:
        """Have `make` make it inside, unless it shows `what` already."""
        if what != self._shown:
            self._shown = what
            self._place.clear()
            with self._place:
                make()


class Bar:
    """A progress bar with an accessible name."""

    def __init__(self, name: str, percent: float, *, classes: str = "") -> None:
        self._bar = Tag(
            "div",
            classes=f"bar {classes}",
            role="progressbar",
            aria_label=name,
            aria_valuemin="0",
            aria_valuemax="100",
        )
        with self._bar:
            self._fill = Tag("span", classes="bar-fill")
        self.show(percent)

    def show(self, percent: float, *, visible: bool = True) -> None:
        """Show another percentage."""
        self._bar.set(aria_valuenow=f"{percent:.0f}")
        self._fill.set(style=f"width: {percent:.1f}%")
        self._bar.set_visibility(visible)


def moment(at: datetime | None, *, style: str = "relative") -> Tag:
    """A time in the viewer's zone, with the exact time on hover: `relative`, `day` or `date-time`."""
    return Tag("local-time", "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC", at=_iso(at), form=style)


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


def button(text: str, *, kind: str = "", picture: str | None = None, **attributes: Any) -> Tag:
    """A button; `kind` is primary, danger or quiet."""
    found = Tag("button", None if picture else text, classes=f"button {kind}", type="button", **attributes)
    if picture:
        with found:
            icon(picture)
            Tag("span", text)
    return found


def link(text: str, address: str, *, classes: str = "", picture: str | None = None, **attributes: Any) -> Tag:
    """A link; one that leaves the pages opens in a new tab and says so."""
    away = not address.startswith("/") and not address.startswith("?")
    if away:
        attributes |= {"target": "_blank", "rel": "noreferrer"}
    plain = not (away or picture)
    found = Tag("a", text if plain else None, classes=classes, href=address, **attributes)
    if plain:
        return found
    with found:
        if picture:
            icon(picture)
        Tag("span", text)
        if away:
            icon("away")
            Tag("span", " (opens in a new tab)", classes="unseen")
    return found


def audit_link(address: str) -> None:
    """The button that downloads everything on record of what the page is about."""
    title = "Every record, without the texts of pairs, as a ZIP file"
    link("Audit export", address, classes="button", picture="download", download="", title=title)


def code(text: str, *, copied_as: str | None = None) -> None:
    """An id or a digest that can be copied."""
    with Tag("span", classes="copyable"):
        Tag("code", text)
        if copied_as is not None:
            name = f"Copy {copied_as}"
            with Tag("button", classes="icon-button copy", type="button", aria_label=name, title=name, data_copy=text):
                icon("copy")


@contextmanager
def panel(title: str, *, name: str, level: str = "h2") -> Iterator[Tag]:
    """A section with a title. Yields its head, for elements beside the title."""
    with Tag("section", classes="panel", aria_labelledby=f"{name}-title"):
        with Tag("div", classes="panel-head") as head:
            Tag(level, title, id_=f"{name}-title")
        with Tag("div", classes="panel-body"):
            yield head


@contextmanager
def fact(name: str) -> Iterator[None]:
    """One fact of a list of them (a `dl`): its name, and what is made inside."""
    with Tag("div", classes="fact"):
        Tag("dt", name)
        with Tag("dd"):
            yield


def text_fact(name: str, value: str) -> None:
    """One fact whose value is a text or a number."""
    with fact(name):
        Tag("span", value)


def empty(picture: str, title: str, detail: str = "") -> None:
    """The placeholder of a list or table without rows."""
    with Tag("div", classes="empty"):
        icon(picture)
        Tag("p", title, classes="empty-title")
        if detail:
            Tag("p", detail, classes="muted")


@contextmanager
def small_table(name: str, titles: Sequence[str], *, numbers: Collection[str] = (), classes: str = "") -> Iterator[Tag]:
    """A scrollable table with these column titles; its rows are created inside. Yields its body."""
    with (
        Tag("div", classes="table-wrap", tabindex="0", role="region", aria_label=f"{name} table"),
        Tag("table", classes=f"small {classes}"),
    ):
        with Tag("thead"), Tag("tr"):
            for title in titles:
                Tag("th", title, scope="col", classes="number" if title in numbers else "")
        with Tag("tbody") as body:
            yield body
