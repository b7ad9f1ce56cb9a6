"""The form's panels for the base model and the split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from training_pipeline.schemas.base_model import BaseModelOffer, BaseModels
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.web import formats
from training_pipeline.web.elements import VALUE, Tag, icon, panel
from training_pipeline.web.form.fields import request_fields, typed
from training_pipeline.web.form.widgets import Widget, switch

Changed = Callable[[str, str], Any]
#: What says which of all splits of that size.
_WHICH: Final = ("split_seed", "split_predecessor")
#: More base models than this can be searched.
FEW: Final = 6
#: What begins so is made here, to test the pipeline.
BUILT_IN: Final = "builtin:"


class Complaint:
    """The validation message of a field that is not a text input."""

    def __init__(self) -> None:
        self._place = Tag("p", classes="field-problem", role="alert")
        with self._place:
            icon("alert")
            self._words = Tag("span", "")
        self.complain(())

    def complain(self, problems: Sequence[str]) -> None:
        """Show the message, or none."""
        self._place.set_visibility(bool(problems))
        self._words.say("; ".join(problems))


class BaseModelChoice(Complaint):
    """The base models on offer as cards; the default is preselected. Many can be searched."""

    def __init__(self, models: BaseModels, asked: str, changed: Changed) -> None:
        best = recommended(models.models)
        self._cards: list[tuple[str, Tag]] = []
        with Tag("fieldset", classes="cards"):
            Tag("legend", "Base model", classes="field-name")
            if len(models.models) > FEW:
                search = Tag("input", type_="search", id_="search-models", aria_label="Search the base models")
                search.set(placeholder="Search by name, licence or description", autocomplete="off")
                search.when("input", lambda event: self._search(str(event.args)), VALUE, throttle=0.2)
            for offer in models.models:
                chosen = offer.id == asked if asked else offer.default
                card = _card(offer, chosen=chosen, best=offer.id == best, changed=changed)
                self._cards.append((" ".join((offer.id, offer.description, offer.licence or "")).casefold(), card))
            self._none = Tag("p", "No base model matches.", classes="muted", role="status")
            self._none.set_visibility(False)
        super().__init__()

    def _search(self, text: str) -> None:
        words = text.casefold().split()
        found = 0
        for said, card in self._cards:
            shown = all(word in said for word in words)
            card.set_visibility(shown)
            found += shown
        self._none.set_visibility(not found)


def recommended(offers: Sequence[BaseModelOffer]) -> str | None:
    """The default; in the place of one that only tests the pipeline, the largest real one that fits."""
    default = next((offer for offer in offers if offer.default), None)
    if default is not None and not default.id.startswith(BUILT_IN):
        return default.id
    real = [offer for offer in offers if offer.fits and not offer.id.startswith(BUILT_IN)]
    best = max(real, key=lambda offer: offer.parameters or 0, default=default)
    return None if best is None else best.id


def facts_of(offer: BaseModelOffer) -> list[str]:
    """Size, length, licence, and whether the machine that trains holds it."""
    found = [f"{offer.parameters:,} parameters"] if offer.parameters else []
    found += [f"up to {offer.context_length:,} tokens"] if offer.context_length else []
    found += [f"licence {offer.licence}"] if offer.licence else []
    if not offer.id.startswith(BUILT_IN) and offer.fits is not None:
        found.append("fits this machine's memory" if offer.fits else "too large for this machine's memory")
    return found


def _card(offer: BaseModelOffer, *, chosen: bool, best: bool, changed: Changed) -> Tag:
    with Tag("label", classes="card") as card:
        radio = Tag("input", type_="radio", name="base_model", value=offer.id, checked=chosen or None)
        radio.when("change", lambda: changed("base_model", "" if offer.default else offer.id))
        with Tag("span"):
            with Tag("span", classes="card-title"):
                Tag("span", offer.id, classes="strong mono")
                if best:
                    Tag("span", "recommended", classes="tag good")
            Tag("span", offer.description, classes="help")
            if facts := facts_of(offer):
                Tag("span", " · ".join(facts), classes="help")
    return card


class SplitPanel:
    """The slider for the split, with the resulting counts from the service."""

    def __init__(self, values: Mapping[str, str], changed: Changed) -> None:
        self._field = field = request_fields()["train_val_split"]
        asked = values.get(field.name, "")
        with panel("Split", name="split"):
            Tag("label", field.help, classes="field-name", for_="field-train_val_split")
            with Tag("div", classes="slider"):
                bounds: dict[str, Any] = {"min": field.least, "max": field.most, "step": 0.01}
                slider = Tag("input", id_="field-train_val_split", type_="range", **bounds)
                slider.set(**{"^value": asked or field.default}, aria_describedby="split-counts")
                slider.when("input", lambda event: changed(field.name, str(event.args)), VALUE, throttle=0.1)
                self._value = Tag("output", "", for_="field-train_val_split", classes="slider-value")
            self._counts = Tag("p", "", classes="muted", id_="split-counts", role="status")
            self.fields: dict[str, Widget | Complaint] = {field.name: Complaint()}
            switch(request_fields()["fresh_split"], values, changed)
            with Tag("details", open=any(values.get(name) for name in _WHICH) or None):
                Tag("summary", "Which split")
                with Tag("div", classes="fields"):
                    for name in _WHICH:
                        self.fields[name] = Widget(request_fields()[name], values.get(name, ""), changed)
        self.show(asked)

    def show(self, asked: str) -> None:
        """Show the slider's value."""
        value = typed(self._field, asked or self._field.default)
        self._value.say(formats.share(value) if isinstance(value, float | int) else asked)

    def count(self, plan: DryRun) -> None:
        """Show how many pairs are in each split."""
        split = plan.split
        counts = f"{split.train:,} training pairs, {split.validation:,} validation pairs"
        self._counts.say(f"{counts}; {formats.share(split.achieved_ratio)} achieved")
