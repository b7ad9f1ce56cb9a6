"""The form's panel for the space: a row for each key that may be searched, with how, and between what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.web.elements import VALUE, Tag, icon, panel
from training_pipeline.web.form.model import Complaint
from training_pipeline.web.studies.draft import KINDS, PARTS, Parameter, StudyDraft, parameters, place

Changed = Callable[[str, str], Any]
_TITLES: Final = {"low": "From", "high": "To", "step": "In steps of", "choices": "Values, separated by commas"}


class SpacePanel:
    """Calls `changed` with the name of what was typed, and its text."""

    def __init__(self, draft: StudyDraft, changed: Changed, base_models: Sequence[str]) -> None:
        with panel("What is searched", name="space"):
            words = "Choose one parameter at least. The others are as in Model and Training, the same for all trials."
            Tag("p", words, classes="muted")
            self._complaint = Complaint()
            offered = {BASE_MODEL: f" On offer: {', '.join(base_models)}."}
            self._rows = {
                each.name: _Row(each._replace(help=each.help + offered.get(each.name, "")), draft, changed)
                for each in parameters()
            }

    def complain(self, problems: Sequence[FieldProblem]) -> None:
        """Show each of these problems of the space at its place."""
        rows: dict[str, list[FieldProblem]] = defaultdict(list)
        for found in problems:
            name = found.pointer.removeprefix("/space").lstrip("/").partition("/")[0]
            rows[name if name in self._rows else ""].append(found)
        self._complaint.complain([found.message for found in rows[""]])
        for name, row in self._rows.items():
            row.complain(rows[name])


class _Row:
    """One key: how it is searched, what is typed for that, and what is wrong with it."""

    def __init__(self, key: Parameter, draft: StudyDraft, changed: Changed) -> None:
        self._changed, self._key = changed, key
        self._problem = f"problem-space-{key.name}"
        kind = draft.kind(key.name)
        with Tag("div", classes="searched", role="group", aria_label=key.title):
            with Tag("div"):
                Tag("span", key.title, classes="strong")
                Tag("span", key.help, classes="help", id_=f"help-space-{key.name}")
            with Tag("div", classes="searched-parts"):
                self._select(kind)
                self._parts: dict[str, Tag] = {}
                self._inputs: dict[str, Tag] = {}
                for part in ("low", "high", "step", "choices"):
                    self._part(part, draft.values.get(place(key.name, part), ""))
            with Tag("span", classes="field-problem", id_=self._problem, role="alert") as self._place:
                icon("alert")
                self._words = Tag("span", "")
        self._show(kind)
        self.complain(())

    def complain(self, problems: Sequence[FieldProblem]) -> None:
        """Show what is wrong with the key, and mark what was typed for it."""
        said = dict.fromkeys(found.message for found in problems)
        self._place.set_visibility(bool(said))
        self._words.say("; ".join(said))
        named = {part for found in problems for part in self._inputs if f"/{part}" in found.pointer}
        for part, field in self._inputs.items():
            field.set(aria_invalid="true" if said and (not named or part in named) else None)

    def _select(self, kind: str) -> None:
        with Tag("label", classes="searched-part of-kind"):
            Tag("span", f"How {self._key.title} is searched", classes="unseen")
            with Tag("select", id_=f"field-space-{self._key.name}") as choice:
                Tag("option", "not searched", value="")
                for each in self._key.kinds:
                    Tag("option", KINDS[each], value=each, selected=each == kind or None)
        choice.set(aria_describedby=f"help-space-{self._key.name} {self._problem}")
        choice.when("change", self._chosen, VALUE)

    def _part(self, part: str, value: str) -> None:
        self._parts[part] = Tag("label", classes=f"searched-part of-{part}")
        with self._parts[part]:
            Tag("span", _TITLES[part], classes="help")
            field = Tag("input", type_="text", autocomplete="off", spellcheck="false", id_=self._id(part))
            field.set(**{"^value": value}, aria_label=f"{self._key.title}: {_TITLES[part].lower()}")
            if part != "choices":
                field.set(inputmode="decimal")
            field.set(aria_describedby=self._problem)
            name = place(self._key.name, part)
            field.when(
                "input",
                lambda event: self._changed(name, str(event.args).strip()),
                VALUE,
                throttle=0.2,
                leading_events=False,
            )
        self._inputs[part] = field

    def _id(self, part: str) -> str:
        return f"field-space-{self._key.name}-{part}"

    def _chosen(self, event: Any) -> None:
        self._show(str(event.args))
        self._changed(place(self._key.name), str(event.args))

    def _show(self, kind: str) -> None:
        shown = [part for part in PARTS.get(kind, ()) if part != "step" or self._key.whole]
        for part, label in self._parts.items():
            label.set_visibility(part in shown)
