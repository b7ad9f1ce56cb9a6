"""One field of the form: label, input, help text and validation message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from training_pipeline.web import formats
from training_pipeline.web.elements import VALUE, Tag, icon
from training_pipeline.web.form.fields import Field

Changed = Callable[[str, str], Any]


def switch(field: Field, values: Mapping[str, str], changed: Changed) -> None:
    """A checkbox with the field's help beside it; its default is an empty text."""
    with Tag("label", classes="check"):
        on = (values.get(field.name) or field.default) != "no"
        box = Tag("input", id_=f"field-{field.name}", type_="checkbox", checked=on or None)
        box.when(
            "change",
            lambda event: changed(field.name, "" if (said := formats.value(event.args)) == field.default else said),
            "(event) => emit(event.target.checked)",
        )
        Tag("span", field.help)


class Widget:
    """Calls `changed` with the field's name and text whenever the text changes."""

    def __init__(self, field: Field, value: str, changed: Changed) -> None:
        self.field = field
        self._problem = f"problem-{field.name}"
        help_id = f"help-{field.name}"
        self._value = value
        with Tag("div", classes="form-field") as self._whole:
            Tag("label", field.title, classes="field-name", for_=f"field-{field.name}")
            if field.kind == "choice":
                self._input = self._choice(value)
            else:
                self._input = Tag(
                    "input", id_=f"field-{field.name}", type_="text", autocomplete="off", spellcheck="false"
                )
                self._input.set(**{"^value": value})
                if field.kind == "number":
                    self._input.set(inputmode="decimal")
                if field.default:
                    self._input.set(placeholder=field.default)
            self._input.set(aria_describedby=f"{help_id} {self._problem}")
            self._input.when(
                "input",
                lambda event: self._typed(str(event.args).strip(), changed),
                VALUE,
                throttle=0.2,
                leading_events=False,
            )
            words = " ".join(part for part in (field.help, f"{field.range}." if field.range else "") if part)
            Tag("span", words, classes="help", id_=help_id)
            with Tag("span", classes="field-problem", id_=self._problem, role="alert") as self._place:
                icon("alert")
                self._words = Tag("span", "")
        self.complain(())

    def _choice(self, value: str) -> Tag:
        select = Tag("select", id_=f"field-{self.field.name}")
        with select:
            first = Tag("option", "auto", value="") if self.field.automatic else None
            self._auto = first
            for choice in self.field.choices:
                chosen = choice == (value or self.field.default)
                Tag("option", choice, value=choice, selected=chosen or None)
        return select

    def resolve(self, value: object) -> None:
        """Show the value that "auto" resolves to."""
        if not self.field.automatic:
            return
        words = f"auto: {formats.value(value)}"
        if self.field.kind != "choice":
            self._input.set(placeholder=words)
        elif self._auto is not None:
            self._auto.say(words)

    def apply(self, *, applies: bool) -> None:
        """Hide a field that changes nothing. One in which something stands is shown, for that may be what is wrong."""
        self._whole.set_visibility(applies or bool(self._value))

    def _typed(self, text: str, changed: Changed) -> None:
        self._value = text
        changed(self.field.name, text)

    def put(self, text: str) -> None:
        """Write another text into the field, and show the field; the caller sees to what follows from it."""
        self._value = text
        self._input.set(**{"^value": text})
        place = json.dumps(f"field-{self.field.name}")
        ui.run_javascript(
            f"const field = document.getElementById({place}); field.value = {json.dumps(text)};"
            "field.closest('details')?.setAttribute('open', '')"
        )

    def complain(self, problems: Sequence[str]) -> None:
        """Show the validation message, or none."""
        self._place.set_visibility(bool(problems))
        self._words.say("; ".join(dict.fromkeys(problems)))
        self._input.set(aria_invalid="true" if problems else None)
