"""The dialog that shows what a revocation will taint, asks for the reason, and records it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.revocations import LONGEST_REASON
from training_pipeline.domain.uses import WORDS, Kind
from training_pipeline.schemas.revocation import RevocationPreview, Taint, UnreadDataset
from training_pipeline.schemas.uses import NotSearched
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button
from training_pipeline.web.layout import go, problem


class RevokeDialog:
    """One dialog for anything of the page that can be revoked."""

    def __init__(self, client: PageClient) -> None:
        self._client = client
        self._keys: dict[str, str] = {}
        self._reason = ""
        self._dialog = Tag("dialog", classes="dialog", aria_labelledby="revoke-title")
        with self._dialog:
            Tag("h2", "Revoke this?", id_="revoke-title")
            self._what = Tag("p", "", classes="muted")
            self._effect = Tag("div", role="status")
            with Tag("label", classes="field"):
                Tag("span", "Reason", classes="field-name")
                field = Tag("textarea", rows=3, maxlength=LONGEST_REASON, placeholder="e.g. consent withdrawn")
                field.when("input", self._typed, VALUE)
                Tag("span", "Kept permanently: leave out any text of the pair.", classes="help")
            self._trouble = Tag("div")
            with Tag("div", classes="dialog-actions"):
                button("Back").when("click", self._close)
                self._confirm = button("Revoke", kind="danger", picture="stop").when("click", self._confirmed)

    async def ask(self, kind: Kind, value: str, sheet: str | None) -> None:
        """Open the dialog for anything that can be revoked, and show what revoking it will taint."""
        self._keys = {str(kind): value, **({} if sheet is None else {"sheet": sheet})}
        where = f" of training sheet {sheet}" if sheet else "" if kind == "sheet" else " of every training sheet"
        self._what.say(f"{WORDS[kind].capitalize()} {value}{where}. This cannot be undone.")
        self._trouble.clear()
        self._effect.clear()
        self._confirm.set(disabled=True)
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")
        try:
            found = await self._client.preview_revocation({**self._keys, "reason": "preview"})
        except PipelineError as error:
            self._show(error, "What it will taint is unknown")
            return
        with self._effect:
            for words in effect(found):
                Tag("p", words)
        self._confirm.set(disabled=None)

    def _typed(self, event: Any) -> None:
        self._reason = str(event.args)

    def _close(self) -> None:
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")

    def _show(self, error: PipelineError, title: str) -> None:
        self._trouble.clear()
        with self._trouble:
            problem(error, title=title)

    async def _confirmed(self) -> None:
        self._confirm.set(disabled=True)
        try:
            made = await self._client.revoke({**self._keys, "reason": self._reason})
        except PipelineError as error:
            self._confirm.set(disabled=None)
            self._show(error, "It was not revoked")
            return
        go(urls.revocation(made.id))


def effect(found: RevocationPreview) -> list[str]:
    """What a revocation will do, in sentences."""
    said = []
    if found.known is not None:
        said.append(f"It is revoked already, by {found.known}.")
    if found.taints:
        named = [f"{taint.model_name} {taint.model_version or 'artifact'}" for taint in found.taints[:10]]
        more = f" and {formats.count(len(found.taints) - 10)} more" if len(found.taints) > len(named) else ""
        models = "1 model" if len(found.taints) == 1 else f"{formats.count(len(found.taints))} models"
        said.append(f"It will taint {models}: {', '.join(named)}{more}.")
        if places := sorted({place for taint in found.taints for place in _places(taint)}):
            more = f" and {formats.count(len(places) - 10)} more" if len(places) > 10 else ""
            said.append(f"In use now: {', '.join(places[:10])}{more}.")
    else:
        partly = found.not_searched or found.unread_datasets
        said.append(f"Nothing learned from it{', as far as could be searched' if partly else ''}.")
    said += not_searched(found.not_searched)
    said += unread(found.unread_datasets)
    if found.jobs_in_progress:
        said.append(f"Jobs in progress that will not be registered: {', '.join(found.jobs_in_progress)}.")
    return said


def not_searched(sheets: Sequence[NotSearched]) -> list[str]:
    """What nobody can say of these training sheets, in sentences."""
    return [
        f"Training sheet {one.training_sheet_id} was not searched ({one.hash_key}): {one.why}. Whether its models "
        "learned from it is not known."
        for one in sheets
    ]


def unread(datasets: Sequence[UnreadDataset]) -> list[str]:
    """What nobody can say of these datasets yet, in sentences."""
    return [
        f"Whether dataset {one.dataset_digest} of training sheet {one.training_sheet_id} holds it is not known: "
        f"{one.why} What learned from it is tainted once it can be read."
        for one in datasets
    ]


def _places(taint: Taint) -> list[str]:
    return [f"{taint.model_name} as {alias}" for alias in taint.in_use.aliases] + taint.in_use.endpoints
