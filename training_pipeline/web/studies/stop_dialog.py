"""The dialog that confirms that a study is to stop, and asks for the reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.study_requests import StopStudy
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button
from training_pipeline.web.layout import problem, say

_REASON: Final = StopStudy.model_fields["reason"]
_LET: Final = StopStudy.model_fields["let_finish"]


class StopDialog:
    """The dialog of one study."""

    def __init__(self, client: PageClient, name: str, done: Callable[[], Awaitable[None]]) -> None:
        self._client, self._name, self._done = client, name, done
        self._reason, self._let_finish = "", False
        self._dialog = Tag("dialog", classes="dialog", aria_labelledby="stop-title")
        with self._dialog:
            Tag("h2", "Stop this study?", id_="stop-title")
            Tag("p", "No more trials are started. The results of its trials are kept.", classes="muted")
            with Tag("label", classes="field"):
                Tag("span", "Reason", classes="field-name")
                field = Tag("textarea", rows=3, maxlength=1000, placeholder="e.g. good enough")
                field.when("input", self._typed, VALUE)
                Tag("span", _REASON.description or "", classes="help")
            with Tag("label", classes="check"):
                box = Tag("input", type_="checkbox")
                box.when("change", self._ticked, "(event) => emit(event.target.checked)")
                Tag("span", _LET.description or "")
            self._trouble = Tag("div")
            with Tag("div", classes="dialog-actions"):
                button("Keep it running").when("click", self._close)
                self._confirm = button("Stop study", kind="danger", picture="stop").when("click", self._confirmed)

    def ask(self) -> None:
        """Open the dialog."""
        self._trouble.clear()
        self._confirm.set(disabled=None)
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")

    def _typed(self, event: Any) -> None:
        self._reason = str(event.args)

    def _ticked(self, event: Any) -> None:
        self._let_finish = bool(event.args)

    def _close(self) -> None:
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")

    async def _confirmed(self) -> None:
        self._confirm.set(disabled=True)
        reason = self._reason.strip() or str(_REASON.default)
        try:
            await self._client.stop_study(self._name, reason=reason, let_finish=self._let_finish)
        except PipelineError as error:
            self._confirm.set(disabled=None)
            self._trouble.clear()
            with self._trouble:
                problem(error, title="The study was not stopped")
            return
        self._close()
        say("No more trials are started.")
        await self._done()
