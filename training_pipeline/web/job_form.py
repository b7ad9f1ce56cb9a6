"""The form for a new job or a retry. What is typed stands in the address; all that is said about it, in the service."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from nicegui import Client, background_tasks, ui

from training_pipeline.api.schemas.base_model import BaseModelOffer, BaseModels
from training_pipeline.api.schemas.training_job import TrainingJob
from training_pipeline.api.schemas.training_sheet import DryRun, TrainingSheets
from training_pipeline.domain.errors import FieldProblem, PipelineError
from training_pipeline.web import address, formats
from training_pipeline.web.desk import Desk
from training_pipeline.web.elements import VALUE, Tag, icon, panel, text_fact
from training_pipeline.web.export_summary import show_preview, show_summary, show_warnings
from training_pipeline.web.form_fields import FIRST, config_fields, request_fields, typed
from training_pipeline.web.form_widgets import Widget
from training_pipeline.web.layout import go, problem

#: Stands in for a name that is still missing or wrong, so that the rest can be planned. No job is created with it.
_ANY_NAME: Final = "m"
_PAUSE: Final = 0.25
_PREVIEW_LINES: Final = 5
_REQUEST: Final = ("model_name", "base_model", "train_val_split", "register_to_uc", "uc_catalog", "uc_schema")


class JobForm:
    """Asks the service after every change what would happen, and shows its answer."""

    def __init__(
        self,
        desk: Desk,
        query: Mapping[str, str],
        retried: TrainingJob | None,
        sheets: TrainingSheets,
        models: BaseModels,
    ) -> None:
        self._desk = desk
        self._retried = retried
        known = {*_REQUEST, *(field.name for field in config_fields())}
        asked = (
            {} if retried is None else {key: formats.value(value) for key, value in retried.requested_config.items()}
        )
        self._values = {**asked, **{name: value for name, value in query.items() if name in known}}
        self._sheet = retried.training_sheet_id if retried else query.get("sheet", "")
        #: Names this form: sent twice, also after a reload, it creates one job.
        self._draft = query.get("draft") or secrets.token_urlsafe(9)
        self._touched: set[str] = set(self._values)
        self._widgets: dict[str, Widget] = {}
        self._places: dict[str, Tag] = {}
        self._number = 0
        self._planning: asyncio.Task[None] | None = None
        with Tag("form", classes="form") as form:
            with Tag("div", classes="form-main"):
                if retried is None:
                    self._sheet_panel(sheets)
                    self._model_panel(models)
                    self._split_panel()
                else:
                    self._kept_panel(retried)
                self._training_panel()
                if retried is None:
                    self._registration_panel()
            with Tag("aside", classes="form-side", aria_label="What would happen"):
                self._side_panel()
        form.when("submit.prevent", self._submitted)

    async def begin(self, client: Client) -> None:
        """Fill in what the service has to say, once the page is there."""
        await client.connected()
        with client:
            self._write_address()
            await asyncio.gather(self._ask_sheet(), self._plan())

    # What the form is made of.

    def _sheet_panel(self, sheets: TrainingSheets) -> None:
        with panel("Training sheet", name="sheet"):
            Tag("label", "Training sheet", classes="unseen", for_="field-sheet")
            with Tag("select", id_="field-sheet", required=True) as choice:
                Tag("option", "Choose a training sheet", value="", selected=not self._sheet or None)
                for sheet in sheets.training_sheets:
                    words = f"{sheet.name} ({sheet.id})" + (
                        "" if sheet.trainable else f", {sheet.status}: not trained on"
                    )
                    chosen = sheet.id == self._sheet or None
                    Tag("option", words, value=sheet.id, selected=chosen, disabled=not sheet.trainable or None)
            choice.when("change", self._sheet_chosen, VALUE)
            self._summary = Tag("div", classes="summary")
            with Tag("details") as details:
                Tag("summary", "Preview of exactly what would be trained on")
                self._preview = Tag("div", classes="examples")
            details.when("toggle", self._preview_toggled, "(event) => emit(event.target.open)")
            self._preview_open = False

    def _model_panel(self, models: BaseModels) -> None:
        with panel("Model", name="model"):
            with Tag("fieldset", classes="cards"):
                Tag("legend", "Base model", classes="field-name")
                for offer in models.models:
                    self._base_model(offer)
            self._problem_of("base_model")
            self._widget("model_name")

    def _base_model(self, offer: BaseModelOffer) -> None:
        chosen = self._values.get("base_model", "") == offer.id or (
            offer.default and not self._values.get("base_model")
        )
        with Tag("label", classes="card"):
            radio = Tag("input", type_="radio", name="base_model", value=offer.id, checked=chosen or None)
            radio.when("change", lambda: self._changed("base_model", "" if offer.default else offer.id))
            with Tag("span"):
                with Tag("span", classes="card-title"):
                    Tag("span", offer.id, classes="strong mono")
                    if offer.default:
                        Tag("span", "recommended", classes="tag good")
                Tag("span", offer.description, classes="help")
                facts = []
                if offer.parameters:
                    facts.append(f"{offer.parameters:,} parameters")
                if offer.context_length:
                    facts.append(f"up to {offer.context_length:,} tokens")
                if facts:
                    Tag("span", " · ".join(facts), classes="help")

    def _split_panel(self) -> None:
        field = request_fields()["train_val_split"]
        with panel("Split", name="split"):
            Tag("label", field.help, classes="field-name", for_="field-train_val_split")
            with Tag("div", classes="slider"):
                value = self._values.get("train_val_split") or field.default
                slider = Tag(
                    "input", id_="field-train_val_split", type_="range", min=field.least, max=field.most, step=0.01
                )
                slider.set(**{"^value": value}, aria_describedby="split-counts")
                slider.when(
                    "input", lambda event: self._changed("train_val_split", str(event.args)), VALUE, throttle=0.1
                )
                self._split_value = Tag("output", "", for_="field-train_val_split", classes="slider-value")
            self._split_counts = Tag("p", "", classes="muted", id_="split-counts", role="status")
            self._problem_of("train_val_split")
            self._show_split_value()

    def _kept_panel(self, retried: TrainingJob) -> None:
        with panel("What a retry keeps", name="kept"), Tag("dl", classes="facts"):
            text_fact("Training sheet", f"{retried.training_sheet_name} ({retried.training_sheet_id})")
            text_fact("Base model", retried.base_model)
            text_fact("Model name", retried.model_name)
            text_fact("Split", formats.share(retried.train_val_split))
            text_fact("Attempt", str(retried.attempt + 1))

    def _training_panel(self) -> None:
        fields = config_fields()
        with panel("Training", name="training"):
            with Tag("div", classes="fields"):
                for field in fields:
                    if field.name in FIRST:
                        self._widget(field.name)
            further = [field for field in fields if field.name not in FIRST]
            opened = any(self._values.get(field.name) for field in further) or None
            with Tag("details", open=opened):
                Tag("summary", f"{len(further)} more settings")
                with Tag("div", classes="fields"):
                    for field in further:
                        self._widget(field.name)

    def _registration_panel(self) -> None:
        field = request_fields()["register_to_uc"]
        with panel("Registration", name="registration"):
            with Tag("label", classes="check"):
                on = self._values.get("register_to_uc", field.default) != "no"
                box = Tag("input", type_="checkbox", checked=on or None)
                box.when(
                    "change",
                    lambda event: self._changed("register_to_uc", "" if event.args else "no"),
                    "(event) => emit(event.target.checked)",
                )
                Tag("span", field.help)
            with Tag("div", classes="fields"):
                self._widget("uc_catalog")
                self._widget("uc_schema")

    def _side_panel(self) -> None:
        with panel("What would happen", name="plan") as head:
            with head:
                self._busy = Tag("span", "asking …", classes="muted", role="status")
            self._plan_place = Tag("div", classes="plan")
            self._trouble = Tag("div")
            words = "Create training job" if self._retried is None else "Create retry"
            self._create = Tag("button", classes="button primary wide", type="submit")
            with self._create:
                icon("plus" if self._retried is None else "retry")
                Tag("span", words)

    def _widget(self, name: str) -> None:
        field = request_fields().get(name) or next(field for field in config_fields() if field.name == name)
        self._widgets[name] = Widget(field, self._values.get(name, ""), self._changed)

    def _problem_of(self, name: str) -> None:
        """A place for what is wrong with a field that is no widget."""
        place = Tag("p", "", classes="field-problem", role="alert")
        place.set_visibility(False)
        self._places[name] = place

    # What happens.

    async def _sheet_chosen(self, event: Any) -> None:
        self._sheet = str(event.args)
        self._write_address()
        await asyncio.gather(self._ask_sheet(), self._plan())

    async def _preview_toggled(self, event: Any) -> None:
        self._preview_open = bool(event.args)
        await self._show_preview()

    def _changed(self, name: str, value: str) -> None:
        self._values[name] = value
        self._touched.add(name)
        if name == "train_val_split":
            self._show_split_value()
        self._write_address()
        if self._planning is not None:
            self._planning.cancel()
        client = ui.context.client

        async def soon() -> None:
            await asyncio.sleep(_PAUSE)
            with client:
                await self._plan()

        self._planning = background_tasks.create(soon(), name="plan a job")

    async def _submitted(self) -> None:
        self._create.set(disabled=True)
        self._touched = {*self._widgets, *_REQUEST, "training_sheet_id"}
        try:
            job_id = await self._sent()
        except PipelineError as error:
            self._create.set(disabled=None)
            self._complain(error.problems)
            self._trouble.clear()
            with self._trouble:
                problem(error, title="No job was created")
            ui.run_javascript("document.querySelector('[aria-invalid=true]')?.focus()")
            return
        go(address.job(job_id))

    async def _sent(self) -> str:
        if self._retried is not None:
            return await self._desk.retry(self._retried.id, self._changes(), key=self._draft)
        return await self._desk.create(self._request(), key=self._draft)

    # What is asked, and what is answered.

    def _request(self) -> dict[str, Any]:
        config = {}
        for field in config_fields():
            if text := self._values.get(field.name):
                config[field.name] = typed(field, text)
        request: dict[str, Any] = {"training_sheet_id": self._sheet, "training_config": config}
        for name in _REQUEST:
            if text := self._values.get(name):
                field = request_fields()[name]
                request[name] = text != "no" if field.kind == "switch" else typed(field, text)
        return request

    def _changes(self) -> dict[str, Any]:
        """The keys of the configuration that differ from those of the job that is retried."""
        asked = {} if self._retried is None else self._retried.requested_config
        changes = {}
        for field in config_fields():
            text = self._values.get(field.name, "")
            value = typed(field, text or field.default)
            if (text or field.name in asked) and value != asked.get(field.name):
                changes[field.name] = value
        return changes

    async def _ask_sheet(self) -> None:
        if self._retried is not None:
            return
        sheet = self._sheet
        self._summary.clear()
        if not sheet:
            return
        with self._summary:
            Tag("span", classes="skeleton block", role="img", aria_label="The gates are being asked")
        try:
            found = (await self._desk.sheet(sheet)).export_summary
        except PipelineError as error:
            self._summary.clear()
            with self._summary:
                problem(error, title="The gates cannot be asked about this sheet")
            return
        if sheet == self._sheet:
            self._summary.clear()
            with self._summary:
                show_summary(found)
            await self._show_preview()

    async def _show_preview(self) -> None:
        self._preview.clear()
        if not self._preview_open or not self._sheet:
            return
        with self._preview:
            Tag("span", classes="skeleton block", role="img", aria_label="The preview is being read")
        try:
            found = await self._desk.preview(self._sheet, limit=_PREVIEW_LINES)
        except PipelineError as error:
            self._preview.clear()
            with self._preview:
                problem(error)
            return
        self._preview.clear()
        with self._preview:
            show_preview(found)

    async def _plan(self) -> None:
        self._number += 1
        number = self._number
        if not self._sheet:
            self._busy.say("")
            self._plan_place.clear()
            with self._plan_place:
                Tag("p", "Choose a training sheet to see the split, the steps and what to know.", classes="muted")
            return
        self._busy.say("asking …")
        problems: Sequence[FieldProblem] = ()
        trouble: PipelineError | None = None
        plan: DryRun | None = None
        try:
            plan = await self._planned({})
        except PipelineError as error:
            problems, trouble = error.problems, error
            if problems:
                try:  # What is wrong is left out, so that the rest can be shown.
                    plan = await self._planned({_name(found) for found in problems})
                    trouble = None
                except PipelineError as further:
                    trouble = further
        if number == self._number:
            self._busy.say("")
            self._complain(problems)
            self._show_plan(plan, trouble)

    async def _planned(self, without: set[str] | dict[str, Any]) -> DryRun:
        if self._retried is not None:
            changes = {name: value for name, value in self._changes().items() if name not in without}
            return await self._desk.plan_retry(self._retried.id, changes)
        request = self._request()
        config = {name: value for name, value in request["training_config"].items() if name not in without}
        rest = {name: value for name, value in request.items() if name not in without}
        name = request.get("model_name") if "model_name" not in without else _ANY_NAME
        return await self._desk.plan({**rest, "training_config": config, **({"model_name": name} if name else {})})

    def _complain(self, problems: Sequence[FieldProblem]) -> None:
        by_name: dict[str, list[str]] = defaultdict(list)
        for found in problems:
            if _name(found) in self._touched:
                by_name[_name(found)].append(found.message)
        for name, widget in self._widgets.items():
            widget.complain(by_name.get(name, ()))
        for name, place in self._places.items():
            place.say("; ".join(by_name.get(name, ())))
            place.set_visibility(name in by_name)

    def _show_plan(self, plan: DryRun | None, trouble: PipelineError | None) -> None:
        self._plan_place.clear()
        self._trouble.clear()
        if plan is not None:
            for name, value in plan.training_config.items():
                self._widgets[name].resolve(value)
        with self._plan_place:
            if trouble is not None:
                problem(trouble, title="This cannot be trained")
            if plan is None:
                return
            split = plan.split
            if self._retried is None:
                counts = f"{split.train:,} to train on, {split.validation:,} to validate on"
                self._split_counts.say(f"{counts}; {split.achieved_ratio:.1%} achieved")
            with Tag("dl", classes="facts"):
                text_fact("Training pairs", formats.count(split.train))
                text_fact("Validation pairs", formats.count(split.validation))
                text_fact("Groups kept together", formats.count(split.components))
                text_fact("Optimizer steps", formats.count(plan.planned_steps))
                text_fact("Base model", plan.base_model)
            show_warnings([found for found in plan.warnings if found not in plan.export_summary.warnings])

    def _show_split_value(self) -> None:
        text = self._values.get("train_val_split") or request_fields()["train_val_split"].default
        value = typed(request_fields()["train_val_split"], text)
        self._split_value.say(f"{value:.0%}" if isinstance(value, float | int) else text)

    def _write_address(self) -> None:
        first = {"retry": self._retried.id} if self._retried else {"sheet": self._sheet}
        query = {**first, **self._values, "draft": self._draft}
        shown = urlencode({name: value for name, value in query.items() if value})
        ui.navigate.history.replace(f"{address.HOME}/new?{shown}")


def _name(found: FieldProblem) -> str:
    return found.pointer.rpartition("/")[2]
