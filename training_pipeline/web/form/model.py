"""The form's panels for the base model and the split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training_pipeline.schemas.base_model import BaseModelOffer, BaseModels
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.web import formats
from training_pipeline.web.elements import VALUE, Tag, icon, panel
from training_pipeline.web.form.fields import request_fields, typed
from training_pipeline.web.form.widgets import switch

Changed = Callable[[str, str], Any]


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
    """The base models on offer as cards; the recommended one is preselected."""

    def __init__(self, models: BaseModels, asked: str, changed: Changed) -> None:
        with Tag("fieldset", classes="cards"):
            Tag("legend", "Base model", classes="field-name")
            for offer in models.models:
                _card(offer, chosen=offer.id == asked if asked else offer.default, changed=changed)
        super().__init__()


def _card(offer: BaseModelOffer, *, chosen: bool, changed: Changed) -> None:
    with Tag("label", classes="card"):
        radio = Tag("input", type_="radio", name="base_model", value=offer.id, checked=chosen or None)
        radio.when("change", lambda: changed("base_model", "" if offer.default else offer.id))
        with Tag("span"):
            with Tag("span", classes="card-title"):
                Tag("span", offer.id, classes="strong mono")
                if offer.default:
                    Tag("span", "recommended", classes="tag good")
            Tag("span", offer.description, classes="help")
            facts = [f"{offer.parameters:,} parameters"] if offer.parameters else []
            facts += [f"up to {offer.context_length:,} tokens"] if offer.context_length else []
            if facts:
                Tag("span", " · ".join(facts), classes="help")


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
            self.complaint = Complaint()
            switch(request_fields()["fresh_split"], values, changed)
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
