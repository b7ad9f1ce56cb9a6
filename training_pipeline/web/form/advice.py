"""The form's advice on the configuration: what to set, why, and a button that sets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from training_pipeline.schemas.advice import Advice
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, button, icon, link, panel


class AdvicePanel:
    """Shows the advice of the latest dry run; calls `use` with a field's name and the text that is advised."""

    def __init__(self, use: Callable[[str, str], Any]) -> None:
        self._use = use
        with panel("Advice", name="advice"):
            self._place = Tag("div", classes="advice-list")
        self.show(())

    def show(self, given: Sequence[Advice]) -> None:
        """Show this advice: what is set otherwise first, then warnings, then what is followed already."""
        self._place.clear()
        values = [one for one in given if one.kind == "value"]
        followed = [one for one in values if one.taken]
        with self._place:
            if not given:
                Tag("p", "Advice appears once the job can be planned.", classes="muted")
                return
            for one in values:
                if not one.taken:
                    self._to_set(one)
            warnings([one for one in given if one.kind == "warning"])
            if followed:
                with Tag("details"):
                    Tag("summary", f"{len(followed)} followed already")
                    for one in followed:
                        with Tag("div", classes="advised"):
                            _line(one)
                            why(one)

    def _to_set(self, one: Advice) -> None:
        with Tag("div", classes="advised"):
            _line(one)
            why(one)
            if one.field is not None:
                name, text = one.field, formats.value(one.value)
                words = f"Use {text} for {formats.words(name)}"
                use = button("Use this value", kind="small", aria_label=words)
                use.when("click", lambda: self._use(name, text))


def warnings(given: Sequence[Advice]) -> None:
    """Show warnings as a list, each with its source; nothing if there are none."""
    if given:
        with Tag("ul", classes="warnings"):
            for one in given:
                with Tag("li"):
                    icon("alert")
                    with Tag("span"):
                        because(one)


def why(one: Advice) -> None:
    """The reason, its source, and how far it can be trusted, as a line of help."""
    with Tag("p", classes="help"):
        because(one)


def because(one: Advice) -> None:
    """The reason with its source, a link where it has an address, and its confidence, as words of a line."""
    Tag("span", f"{one.reason} ")
    if one.source_url:
        link(one.source, one.source_url)
    else:
        Tag("span", f"Source: {one.source}")
    Tag("span", f"; confidence {one.confidence}.")


def _line(one: Advice) -> None:
    with Tag("p", classes="advised-line"):
        Tag("span", f"{formats.words(one.field or one.rule)}: ")
        Tag("strong", formats.value(one.value))
        if one.field is not None and one.current != one.value:
            Tag("span", f" (now {formats.value(one.current)})", classes="muted")
