"""The form for a new job or a retry. Its values are kept in the page's URL; the service validates and plans."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from nicegui import Client, background_tasks, ui

from training_pipeline.domain.errors import FieldProblem, PipelineError
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.schemas.training_sheet import DryRun, TrainingSheets
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, panel, text_fact
from training_pipeline.web.form.advice import AdvicePanel
from training_pipeline.web.form.draft import REQUEST, Draft
from training_pipeline.web.form.fields import FIRST, config_fields, request_fields
from training_pipeline.web.form.model import BaseModelChoice, Complaint, SplitPanel
from training_pipeline.web.form.plan import PlanPanel
from training_pipeline.web.form.sheet import SheetPanel
from training_pipeline.web.form.widgets import Widget, switch
from training_pipeline.web.layout import go

#: A dry run starts this long after the last key stroke.
PAUSE_SECONDS: Final = 0.25


class JobForm:
    """Sends every change to the service as a dry run and shows the answer."""

    def __init__(
        self,
        client: PageClient,
        query: Mapping[str, str],
        retried: TrainingJob | None,
        sheets: TrainingSheets,
        models: BaseModels,
    ) -> None:
        self._client = client
        self._draft = Draft.parse(query, retried)
        #: Fields that somebody has written in; what is wrong with the others is not said yet.
        self._touched = set(self._draft.values)
        self._fields: dict[str, Widget | Complaint] = {}
        self._sheet: SheetPanel | None = None
        self._split: SplitPanel | None = None
        self._number = 0
        self._planning: asyncio.Task[None] | None = None
        with Tag("form", classes="form") as form:
            with Tag("div", classes="form-main"):
                if retried is None:
                    self._sheet = SheetPanel(client, sheets, self._draft.sheet, self._sheet_chosen)
                    with panel("Model", name="model"):
                        asked = self._draft.values.get("base_model", "")
                        self._fields["base_model"] = BaseModelChoice(models, asked, self._changed)
                        self._widget("model_name")
                    self._split = SplitPanel(self._draft.values, self._changed)
                    self._fields |= self._split.fields
                else:
                    _kept(retried)
                self._training()
                if retried is None:
                    self._registration()
                    with panel("Tags", name="tags"):
                        self._widget("tags")
            with Tag("aside", classes="form-side", aria_label="Summary"):
                words, picture = ("Create training job", "plus") if retried is None else ("Create retry", "retry")
                self._plan = PlanPanel(words, picture)
                self._advice = AdvicePanel(self._use)
        form.when("submit.prevent", self._submitted)

    async def begin(self, client: Client) -> None:
        """Run the first dry run once the page is open."""
        await client.connected()
        with client:
            self._write_address()
            await self._ask_all()

    def _training(self) -> None:
        further = [field.name for field in config_fields() if field.name not in FIRST]
        with panel("Training", name="training"):
            with Tag("div", classes="fields"):
                for name in FIRST:
                    self._widget(name)
            opened = any(self._draft.values.get(name) for name in further)
            with Tag("details", open=opened or None):
                Tag("summary", f"{len(further)} advanced settings")
                with Tag("div", classes="fields"):
                    for name in further:
                        self._widget(name)

    def _registration(self) -> None:
        field = request_fields()["register_to_uc"]
        with panel("Registration", name="registration"):
            switch(field, self._draft.values, self._changed)
            with Tag("div", classes="fields"):
                self._widget("uc_catalog")
                self._widget("uc_schema")

    def _widget(self, name: str) -> None:
        field = request_fields().get(name) or next(field for field in config_fields() if field.name == name)
        self._fields[name] = Widget(field, self._draft.values.get(name, ""), self._changed)

    # What happens.

    async def _sheet_chosen(self, sheet: str) -> None:
        self._draft = replace(self._draft, sheet=sheet)
        self._write_address()
        await self._ask_all()

    def _changed(self, name: str, value: str) -> None:
        self._draft = self._draft.with_(name, value)
        self._touched.add(name)
        if self._split is not None and name == "train_val_split":
            self._split.show(value)
        self._write_address()
        if self._planning is not None:
            self._planning.cancel()
        client = ui.context.client

        async def soon() -> None:
            await asyncio.sleep(PAUSE_SECONDS)
            with client:
                await self._ask_plan()

        self._planning = background_tasks.create(soon(), name="plan a job")

    def _use(self, name: str, text: str) -> None:
        field = self._fields.get(name)
        if isinstance(field, Widget):
            field.put(text)
            self._changed(name, text)

    async def _submitted(self) -> None:
        self._plan.lock(locked=True)
        self._touched = {*self._fields, *REQUEST}
        draft = self._draft
        try:
            if draft.retried is None:
                job = await self._client.create(draft.request(), draft=draft.key)
            else:
                job = await self._client.retry(draft.retried.id, draft.changes(), draft=draft.key)
        except PipelineError as error:
            self._plan.lock(locked=False)
            self._complain(error.problems)
            self._plan.refuse(error)
            ui.run_javascript("document.querySelector('[aria-invalid=true]')?.focus()")
            return
        go(urls.job(job.id))

    # What is asked, and what is answered.

    async def _ask_all(self) -> None:
        asked = [self._ask_plan()]
        if self._sheet is not None:
            asked.append(self._sheet.show(self._draft.sheet))
        await asyncio.gather(*asked)

    async def _ask_plan(self) -> None:
        self._number += 1
        number = self._number
        if not self._draft.sheet:
            self._plan.wait_for("a training sheet")
            return
        self._plan.ask(asking=True)
        problems: Sequence[FieldProblem] = ()
        plan, trouble = await self._planned(())
        if trouble is not None and trouble.problems:
            problems = trouble.problems  # planned again without the invalid fields, so that the rest can be shown
            plan, trouble = await self._planned({_name(found) for found in problems})
        if number != self._number:
            return  # a later question is on its way
        self._plan.ask(asking=False)
        self._complain(problems)
        self._plan.show(plan, trouble)
        self._advice.show(() if plan is None else plan.advice)
        if plan is not None:
            self._resolve(plan)

    async def _planned(self, without: Collection[str]) -> tuple[DryRun | None, PipelineError | None]:
        draft = self._draft
        try:
            if draft.retried is None:
                return await self._client.plan(draft.request(without=without)), None
            return await self._client.plan_retry(draft.retried.id, draft.changes(without=without)), None
        except PipelineError as error:
            return None, error

    def _resolve(self, plan: DryRun) -> None:
        for name, value in plan.training_config.items():
            field = self._fields.get(name)
            if isinstance(field, Widget):
                field.resolve(value)
                field.apply(applies=applies(name, plan.training_config))
        if self._split is not None:
            self._split.count(plan)

    def _complain(self, problems: Sequence[FieldProblem]) -> None:
        by_name: dict[str, list[str]] = defaultdict(list)
        for found in problems:
            if _name(found) in self._touched:
                by_name[_name(found)].append(found.message)
        for name, field in self._fields.items():
            field.complain(by_name.get(name, ()))

    def _write_address(self) -> None:
        ui.navigate.history.replace(self._draft.address())


def applies(name: str, config: Mapping[str, object]) -> bool:
    """Whether a field changes anything where the configuration comes out like this."""
    if name.startswith("lora_"):
        return config.get("method") == "lora"
    return not name.startswith("accelerator") or config.get(name) is not None


def _kept(retried: TrainingJob) -> None:
    with panel("Kept from the original job", name="kept"), Tag("dl", classes="facts"):
        text_fact("Training sheet", f"{retried.training_sheet_name} ({retried.training_sheet_id})")
        text_fact("Base model", retried.base_model)
        text_fact("Model name", retried.model_name)
        text_fact("Split", formats.share(retried.train_val_split))
        text_fact("Attempt", str(retried.attempt + 1))


def _name(found: FieldProblem) -> str:
    return found.pointer.rpartition("/")[2]
