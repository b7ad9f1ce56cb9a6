"""The bar above charts: horizontal axis, scale, smoothing, stretch, and the legend that hides lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

from training_pipeline.web.charts.view import AXES, ChartView
from training_pipeline.web.elements import VALUE, Tag
from training_pipeline.web.layout import set_value

Changed = Callable[..., Awaitable[None]]
T = TypeVar("T")
SMOOTHING: Final = (0.0, 0.6, 0.9, 0.99)
HINT: Final = (
    "Drag across a chart to zoom in, or type where to begin and end. A diamond marks the step with the best validation"
    " loss. Smoothing is an exponential moving average; the pale line is what was measured."
)


class Segments(Generic[T]):
    """A choice of one among a few, side by side. Whoever is told of a choice shows it."""

    def __init__(self, name: str, words: Mapping[T, str], chosen: Callable[[T], Awaitable[None]]) -> None:
        with Tag("div", classes="option"):
            Tag("span", name, classes="option-name", aria_hidden="true")
            with Tag("div", classes="segments", role="group", aria_label=name):
                self._buttons = {
                    value: Tag("button", word, classes="segment", type="button").when("click", partial(chosen, value))
                    for value, word in words.items()
                }

    def show(self, current: T) -> None:
        """Show which is chosen."""
        for value, segment in self._buttons.items():
            segment.set(aria_pressed="true" if value == current else "false")


class ChartOptions:
    """Axis, scale and smoothing. `changed` is called with what is to change in the view."""

    def __init__(self, changed: Changed) -> None:
        with Tag("div", classes="chart-options"):
            axes: dict[str, str] = {x: word for x, (word, _) in AXES.items()}
            self._x = Segments("Horizontal axis", axes, lambda value: changed(x=value))
            scales = {"linear": "Linear", "log": "Log"}
            self._scale = Segments("Vertical scale", scales, lambda value: changed(scale=value))
            weights = {weight: f"{weight:g}" if weight else "Off" for weight in SMOOTHING}
            self._smoothing = Segments("Smoothing", weights, lambda value: changed(smoothing=value))

    def show(self, view: ChartView) -> None:
        """Show what is chosen."""
        self._x.show(view.x)
        self._scale.show(view.scale)
        self._smoothing.show(view.smoothing)


class Stretch:
    """The stretch of the axis that is shown, in two fields: zooming with the keyboard."""

    def __init__(self, changed: Callable[[str, float | None], Awaitable[None]]) -> None:
        self._fields: dict[str, Tag] = {}
        self._shown = {"start": "", "end": ""}
        with Tag("div", classes="option"):
            self._name = Tag("span", "", classes="option-name", aria_hidden="true")
            with Tag("div", classes="stretch"):
                for end, word in (("start", "first"), ("end", "last")):
                    field = Tag("input", type_="number", min="0", step="any", placeholder=word)
                    field.set(autocomplete="off")
                    field.when("change", partial(self._typed, changed, end), VALUE)
                    self._fields[end] = field
                    if end == "start":
                        Tag("span", "to", classes="muted")

    def show(self, unit: str, start: float | None, end: float | None) -> None:
        """Show which stretch it is, in this unit."""
        self._name.say(unit)
        for name, value in (("start", start), ("end", end)):
            self._fields[name].set(aria_label=f"{unit}: {'first' if name == 'start' else 'last'}")
            text = "" if value is None else f"{value:.10g}"
            if text != self._shown[name]:
                self._shown[name] = text
                set_value(self._fields[name], text)

    async def _typed(self, changed: Callable[[str, float | None], Awaitable[None]], end: str, event: Any) -> None:
        text = self._shown[end] = str(event.args).strip()
        try:
            value = float(text) if text else None
        except ValueError:  # the browser lets no such text through
            return
        await changed(end, value)


class Legend:
    """A button for each line, which hides it and shows it again."""

    def __init__(self, lines: Sequence[tuple[str, str]], toggled: Callable[[str], Awaitable[None]]) -> None:
        self._buttons: dict[str, Tag] = {}
        with Tag("div", classes="legends", role="group", aria_label="Lines shown"):
            for number, (key, name) in enumerate(lines, start=1):
                found = Tag("button", classes="legend", type="button")
                with found:
                    Tag("span", classes=f"legend-line line-{number}", aria_hidden="true")
                    Tag("span", name)
                found.when("click", partial(toggled, key))
                self._buttons[key] = found

    def show(self, view: ChartView) -> None:
        """Show which lines are shown."""
        for key, found in self._buttons.items():
            found.set(aria_pressed="false" if key in view.hide else "true")
