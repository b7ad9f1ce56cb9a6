"""The form for a new study. Its values are kept in the page's URL; the service validates and plans."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from nicegui import Client, background_tasks, ui

from training_pipeline.domain.errors import FieldProblem, PipelineError
from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.domain.study import Pruner
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.study import StudyDryRun
from training_pipeline.schemas.training_sheet import TrainingSheets
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, panel
from training_pipeline.web.form.fields import FIRST, config_fields, request_fields, study_fields
from training_pipeline.web.form.form import PAUSE_SECONDS
from training_pipeline.web.form.model import BaseModelChoice, Complaint, SplitPanel
from training_pipeline.web.form.plan import PlanPanel
from training_pipeline.web.form.sheet import SheetPanel
from training_pipeline.web.form.widgets import Widget
from training_pipeline.web.layout import go
from training_pipeline.web.studies.draft import StudyDraft, field_of, place
from training_pipeline.web.studies.space import SpacePanel

_BUDGET: Final = ("most_trials", "most_at_once", "hours", "cost", "promote")
_HOW: Final = ("sampler", "search_seed", "pruner", *(name for name in Pruner.model_fields if name != "kind"))


class StudyForm:
    """Sends every change to the service as a dry run and shows the answer."""

    def __init__(
        self, client: PageClient, query: Mapping[str, str], sheets: TrainingSheets, models: BaseModels
    ) -> None:
        self._client = client
        self._draft = StudyDraft.parse(query)
        #: Fields that somebody has written in; what is wrong with the others is not said yet.
        self._touched = {*self._draft.job.values, *self._draft.values}
        self._fields: dict[str, Widget | Complaint] = {}
        self._number = 0
        self._planning: asyncio.Task[None] | None = None
        with Tag("form", classes="form") as form:
            with Tag("div", classes="form-main"):
                with panel("Study", name="study"), Tag("div", classes="fields"):
                    for name in study_fields():
                        if name not in (*_BUDGET, *_HOW):
                            self._widget(name)
                self._sheet = SheetPanel(client, sheets, self._draft.job.sheet, self._sheet_chosen)
                with panel("Model", name="model"):
                    asked = self._draft.job.values.get(BASE_MODEL, "")
                    with Tag("div") as self._base_model:
                        self._fields[BASE_MODEL] = BaseModelChoice(models, asked, self._changed)
                    self._base_model.set_visibility(not self._draft.kind(BASE_MODEL))
                    self._widget("model_name")
                self._space = SpacePanel(self._draft, self._changed, [offer.id for offer in models.models])
                self._panel("Budget", "budget", _BUDGET)
                self._panel("How it is searched", "how", _HOW)
                self._split = SplitPanel(self._draft.job.values, self._changed)
                self._fields |= self._split.fields
                self._training()
            with Tag("aside", classes="form-side", aria_label="Summary"):
                self._plan = PlanPanel("Create study", "plus", thing="study")
                Tag(
                    "p",
                    "The summary is of one trial in the middle of the space; the totals are of all trials.",
                    classes="help",
                )
        form.when("submit.prevent", self._submitted)

    async def begin(self, client: Client) -> None:
        """Run the first dry run once the page is open."""
        await client.connected()
        with client:
            self._write_address()
            await asyncio.gather(self._ask_plan(), self._sheet.show(self._draft.job.sheet))

    def _panel(self, title: str, name: str, fields: Sequence[str]) -> None:
        with panel(title, name=name), Tag("div", classes="fields"):
            for each in fields:
                self._widget(each)

    def _training(self) -> None:
        further = [field.name for field in config_fields() if field.name not in FIRST]
        with panel("Training", name="training"):
            Tag("p", "The same for all trials. What is searched above is left out here.", classes="muted")
            with Tag("div", classes="fields"):
                for name in FIRST:
                    self._widget(name)
            opened = any(self._draft.job.values.get(name) for name in further)
            with Tag("details", open=opened or None):
                Tag("summary", f"{len(further)} advanced settings")
                with Tag("div", classes="fields"):
                    for name in (*further, "uc_catalog", "uc_schema"):
                        self._widget(name)

    def _widget(self, name: str) -> None:
        known = {**{field.name: field for field in config_fields()}, **request_fields(), **study_fields()}
        text = self._draft.values.get(name) or self._draft.job.values.get(name, "")
        self._fields[name] = Widget(known[name], text, self._changed)

    # What happens.

    async def _sheet_chosen(self, sheet: str) -> None:
        self._draft = self._draft.on(sheet)
        self._write_address()
        await asyncio.gather(self._ask_plan(), self._sheet.show(sheet))

    def _changed(self, name: str, value: str) -> None:
        self._draft = self._draft.with_(name, value)
        self._touched.add(name)
        self._base_model.set_visibility(not self._draft.kind(BASE_MODEL))
        if name == "train_val_split":
            self._split.show(value)
        self._write_address()
        if self._planning is not None:
            self._planning.cancel()
        client = ui.context.client

        async def soon() -> None:
            await asyncio.sleep(PAUSE_SECONDS)
            with client:
                await self._ask_plan()

        self._planning = background_tasks.create(soon(), name="plan a study")

    async def _submitted(self) -> None:
        self._plan.lock(locked=True)
        self._touched = {*self._fields, "space"}
        try:
            study = await self._client.create_study(self._draft.request())
        except PipelineError as error:
            self._plan.lock(locked=False)
            self._complain(error.problems)
            self._plan.refuse(error)
            ui.run_javascript("document.querySelector('[aria-invalid=true]')?.focus()")
            return
        go(urls.study(study.name))

    # What is asked, and what is answered.

    async def _ask_plan(self) -> None:
        self._number += 1
        number = self._number
        if not self._draft.job.sheet:
            self._plan.wait_for("a training sheet")
            return
        self._plan.ask(asking=True)
        problems: Sequence[FieldProblem] = ()
        plan, trouble = await self._planned(())
        if trouble is not None and trouble.problems:
            # Planned again without the invalid fields, so that the rest can be shown.
            without = {field_of(found.pointer) for found in trouble.problems}
            problems = trouble.problems
            plan, trouble = await self._planned(without)
            if trouble is not None and trouble.problems:
                rest = further(trouble.problems, without)
                problems = [*problems, *rest]
                trouble = trouble if rest else None
        if number != self._number:
            return  # a later question is on its way
        self._plan.ask(asking=False)
        self._complain(problems)
        if not self._draft.searches:
            self._plan.wait_for("what is searched")
        elif plan is None and trouble is None:
            self._plan.wait_for("other values where a problem is told")
        else:
            self._plan.show(plan, trouble)
        if plan is not None:
            self._split.count(plan)
            for name, value in plan.training_config.items():
                field = self._fields.get(name)
                if isinstance(field, Widget):
                    field.resolve(value)

    async def _planned(self, without: Collection[str]) -> tuple[StudyDryRun | None, PipelineError | None]:
        try:
            return await self._client.plan_study(self._draft.request(without=without)), None
        except PipelineError as error:
            return None, error

    def _complain(self, problems: Sequence[FieldProblem]) -> None:
        of_space = [found for found in problems if found.pointer.startswith("/space")]
        is_touched = "space" in self._touched or any(name.startswith("space.") for name in self._touched)
        self._space.complain(of_space if is_touched else ())
        by_name: dict[str, list[str]] = defaultdict(list)
        for found in problems:
            name = field_of(found.pointer)
            if found not in of_space and name in self._touched:
                by_name[name].append(found.message)
        for name, field in self._fields.items():
            field.complain(by_name.get(name, ()))

    def _write_address(self) -> None:
        ui.navigate.history.replace(self._draft.address())


def further(problems: Sequence[FieldProblem], without: Collection[str]) -> list[FieldProblem]:
    """The problems that are not of leaving these fields out: they are missing, or nothing is searched."""
    emptied = any(name.startswith(place("")) for name in without)
    known = {*without, *(["space"] if emptied else [])}
    return [found for found in problems if field_of(found.pointer) not in known]
