"""The note and the tags of a job on its page, and the dialog that changes them. All of it is shown as plain text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from training_pipeline.domain.annotations import LONGEST_NOTE, MOST_TAGS
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, link, panel
from training_pipeline.web.form.draft import tags_in
from training_pipeline.web.layout import problem, say, set_value
from training_pipeline.web.urls import JobFilters


class Annotations:
    """Opens the dialog for one job, and calls `done` once something has changed."""

    def __init__(self, client: PageClient, job_id: str, done: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._id = job_id
        self._done = done
        self._note, self._tags = "", ""
        self._shown: TrainingJob
        self._dialog = Tag("dialog", classes="dialog", aria_labelledby="annotate-title")
        with self._dialog:
            Tag("h2", "Note and tags", id_="annotate-title")
            with Tag("label", classes="field"):
                Tag("span", "Note", classes="field-name")
                self._note_field = Tag("textarea", rows=5, maxlength=LONGEST_NOTE)
                self._note_field.when("input", self._noted, VALUE)
                Tag("span", "Plain text, for everybody who sees the job.", classes="help")
            with Tag("label", classes="field"):
                Tag("span", "Tags", classes="field-name")
                self._tags_field = Tag("input", type_="text", placeholder="baseline, ticket:ML-17", autocomplete="off")
                self._tags_field.when("input", self._tagged, VALUE)
                help_text = f"Keys, or key:value, with a comma between them; {MOST_TAGS} at most."
                Tag("span", help_text, classes="help")
            self._trouble = Tag("div")
            with Tag("div", classes="dialog-actions"):
                button("Back").when("click", self._close)
                self._save = button("Save", kind="primary").when("click", self._saved)

    def show(self, job: TrainingJob) -> None:
        """What is written on the job, and the button that changes it where the caller may."""
        with panel("Note and tags", name="annotations") as head:
            if self._client.may_annotate(job):
                with head:
                    button("Edit", kind="small").when("click", lambda: self._ask(job))
            if not job.note and not job.tags:
                Tag("p", "No note or tags yet.", classes="muted")
            if job.note:
                Tag("p", job.note, classes="prose")
            if job.tags:
                with Tag("p", classes="tags"):
                    for tag in job.tags:
                        link(tag, JobFilters(tag=tag).address(), classes="tag")

    def _ask(self, job: TrainingJob) -> None:
        self._shown = job
        self._note, self._tags = job.note, ", ".join(job.tags)
        set_value(self._note_field, self._note)
        set_value(self._tags_field, self._tags)
        self._trouble.clear()
        self._save.set(disabled=None)
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")

    def _noted(self, event: Any) -> None:
        self._note = str(event.args)

    def _tagged(self, event: Any) -> None:
        self._tags = str(event.args)

    def _close(self) -> None:
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")

    async def _saved(self) -> None:
        self._save.set(disabled=True)
        try:
            tags = tags_in(self._tags)
            await self._client.annotate(
                self._id,
                note=None if self._note == self._shown.note else self._note,  # what others write meanwhile stays
                add_tags=[one for one in tags if one not in self._shown.tags],
                remove_tags=[one for one in self._shown.tags if one not in tags],
            )
        except PipelineError as error:
            self._save.set(disabled=None)
            self._trouble.clear()
            with self._trouble:
                problem(error, title="It was not saved")
            return
        self._close()
        say("Saved.")
        await self._done()
