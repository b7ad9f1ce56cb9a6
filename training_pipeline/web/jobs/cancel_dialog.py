"""The dialog that confirms a cancel and asks for the reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.requests import CancelTrainingJob
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button
from training_pipeline.web.layout import problem, say

_REASON = CancelTrainingJob.model_fields["reason"]


class CancelDialog:
    """One dialog for any of the page's jobs."""

    def __init__(self, client: PageClient, done: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._done = done
        self._job: TrainingJob | None = None
        self._reason = ""
        self._dialog = Tag("dialog", classes="dialog", aria_labelledby="cancel-title")
        with self._dialog:
            Tag("h2", "Cancel this training job?", id_="cancel-title")
            self._what = Tag("p", "", classes="muted")
            with Tag("label", classes="field"):
                Tag("span", "Reason", classes="field-name")
                self._field = Tag("textarea", rows=3, maxlength=1000, placeholder="e.g. wrong sheet")
                self._field.when("input", self._typed, VALUE)
                Tag("span", _REASON.description or "", classes="help")
            self._trouble = Tag("div")
            with Tag("div", classes="dialog-actions"):
                button("Keep it running").when("click", self._close)
                self._confirm = button("Cancel job", kind="danger", picture="stop").when("click", self._confirmed)

    def ask(self, job: TrainingJob) -> None:
        """Open the dialog for a job."""
        self._job = job
        self._reason = ""
        self._trouble.clear()
        words = "The backend will be asked to stop it. A retry starts from the beginning."
        self._what.say(f"{job.model_name} ({job.id}). {words}")
        self._confirm.set(disabled=None)
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")

    def _typed(self, event: Any) -> None:
        self._reason = str(event.args)

    def _close(self) -> None:
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")

    async def _confirmed(self) -> None:
        if self._job is None:
            return
        self._confirm.set(disabled=True)
        reason = self._reason.strip() or str(_REASON.default)
        try:
            await self._client.cancel(self._job.id, reason=reason)
        except PipelineError as error:
            self._confirm.set(disabled=None)
            self._trouble.clear()
            with self._trouble:
                problem(error, title="The job was not cancelled")
            return
        self._close()
        say("Cancel requested.")
        await self._done()
