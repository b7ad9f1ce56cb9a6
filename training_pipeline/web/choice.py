"""A select among the filters above a list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from training_pipeline.web.elements import VALUE, Tag
from training_pipeline.web.layout import set_value


class Choice:
    """A select with a name; its first option chooses nothing."""

    def __init__(self, name: str, everything: str, chosen: Callable[[str], Awaitable[None]]) -> None:
        self._everything = everything
        self._values: tuple[str, ...] = ()
        self._shown: str | None = None
        with Tag("label", classes="choice"):
            Tag("span", name, classes="unseen")
            self._select = Tag("select")
        self._select.when("change", lambda event: chosen(str(event.args)), VALUE)

    def offer(self, values: tuple[str, ...], current: str) -> None:
        """Offer these values, and the current one if it is none of them."""
        values = ("", *(values if not current or current in values else (current, *values)))
        if values != self._values:
            self._values, self._shown = values, current
            self._select.clear()
            with self._select:
                for value in values:
                    Tag("option", value or self._everything, value=value, selected=value == current or None)

    def show(self, current: str) -> None:
        """Choose a value."""
        if self._values and current != self._shown:
            self._shown = current
            self.offer(self._values[1:], current)
            set_value(self._select, current)
