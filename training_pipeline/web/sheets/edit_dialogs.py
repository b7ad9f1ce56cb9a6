"""The dialogs that set uses of the selected pairs, and edit the answer of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.domain.usage import DataClassification, Status, Use
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button
from training_pipeline.web.layout import problem

#: Carries out changes of the selected pairs; the second is what became of them, in words. Why that was refused, if so.
Apply = Callable[[dict[str, Any], str], Awaitable[PipelineError | None]]

_NOT_ALLOWED, _ALLOWED, _PROHIBITED = "not allowed", "allowed", "prohibited"


class _Dialog:
    """A dialog whose content is made anew whenever it is opened. It closes once what it asks for is done."""

    def __init__(self, name: str, title: str, apply: Apply) -> None:
        self._apply = apply
        self._is_sending = False
        self._buttons: list[Tag] = []
        self._dialog = Tag("dialog", classes="dialog", aria_labelledby=f"{name}-title")
        with self._dialog:
            Tag("h2", title, id_=f"{name}-title")
            self._content = Tag("div", classes="dialog-content")
            self._trouble = Tag("div")
            self._actions = Tag("div", classes="dialog-actions")

    def open(self) -> None:
        """Show it."""
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")

    def close(self) -> None:
        """Hide it."""
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")

    def clear(self) -> None:
        """Take out what was shown, and what could be done."""
        for part in (self._content, self._trouble, self._actions):
            part.clear()
        with self._actions:
            button("Back").when("click", self.close)
        self._buttons = []

    def offer(self, text: str, action: Callable[[], Awaitable[None]], *, kind: str = "") -> None:
        """A button for something that can be done."""
        with self._actions:
            self._buttons.append(button(text, kind=kind).when("click", action))

    async def send(self, changes: dict[str, Any], done: str) -> None:
        """Have the changes carried out. A refusal is shown here, and what was typed stays.

        Pairs that others changed meanwhile have to be looked at again, so that nothing more can be sent then.
        """
        if self._is_sending:
            return
        self._is_sending = True
        self._lock(locked=True)
        self._trouble.clear()
        error = None
        try:
            error = await self._apply(changes, done)
        finally:
            self._is_sending = False
            self._lock(locked=isinstance(error, Conflict))
        if error is None:
            self.close()
            return
        with self._trouble:
            problem(error, title="Nothing was changed")

    def _lock(self, *, locked: bool) -> None:
        for each in self._buttons:
            each.set(disabled="" if locked else None)


class UsesDialog(_Dialog):
    """Sets the uses of pairs, their reason and the classification."""

    def __init__(self, apply: Apply) -> None:
        super().__init__("uses", "What may they be used for?", apply)
        self._uses: dict[Use, str] = {}
        self._reason: str | None = None
        self._classification = ""

    def ask(self, pairs: Sequence[SheetPair]) -> None:
        """Open it for these pairs, with what they have in common."""
        self._uses = {use: _common([_said(pair, use) for pair in pairs]) for use in Use}
        self._reason, self._classification = None, ""
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs):,} pairs"
        self.clear()
        self.offer("Set uses", self._confirmed, kind="primary")
        with self._content:
            Tag(
                "p",
                f"{count}. Uses that the canonical label or the tags of the source forbid stay forbidden. "
                "You are on record as who decided.",
                classes="muted",
            )
            with Tag("div", classes="fields"):
                for use in Use:
                    self._use(use)
                with Tag("div", classes="form-field"):
                    Tag("label", "classification", classes="field-name", for_="set-classification")
                    with Tag("select", id_="set-classification") as select:
                        Tag("option", "as it is", value="")
                        for word in DataClassification:
                            Tag("option", str(word), value=str(word))
                    select.when("change", self._classified, VALUE)
            with Tag("label", classes="field"):
                Tag("span", "Reason", classes="field-name")
                field = Tag("input", type_="text", maxlength=1000, placeholder="as it is", autocomplete="off")
                field.when("input", self._typed, VALUE)
                Tag("span", "Without any text of the pairs: the log keeps it.", classes="help")
        self.open()

    def _use(self, use: Use) -> None:
        said = self._uses[use]
        with Tag("div", classes="form-field"):
            Tag("label", use.replace("_", " "), classes="field-name", for_=f"set-{use}")
            with Tag("select", id_=f"set-{use}") as select:
                if not said:
                    Tag("option", "they differ: choose", value="", selected=True)
                for word in (_NOT_ALLOWED, _ALLOWED, _PROHIBITED):
                    Tag("option", word, value=word, selected=word == said or None)
            select.when("change", lambda event: self._chosen(use, str(event.args)), VALUE)

    def _chosen(self, use: Use, word: str) -> None:
        self._uses[use] = word

    def _classified(self, event: Any) -> None:
        self._classification = str(event.args)

    def _typed(self, event: Any) -> None:
        self._reason = str(event.args).strip()

    async def _confirmed(self) -> None:
        differ = [use.replace("_", " ") for use, word in self._uses.items() if not word]
        if differ:
            self._trouble.clear()
            with self._trouble:
                Tag("p", f"Choose for {', '.join(differ)}, too: the pairs differ.", role="alert")
            return
        changes: dict[str, Any] = {
            "allowed_uses": [str(use) for use, word in self._uses.items() if word == _ALLOWED],
            "prohibited_uses": [str(use) for use, word in self._uses.items() if word == _PROHIBITED],
        }
        if self._reason:
            changes["usage_reason"] = self._reason
        if self._classification:
            changes["data_classification"] = self._classification
        await self.send(changes, "have other uses")


class AnswerDialog(_Dialog):
    """Shows a conversation, and edits its last answer."""

    def __init__(self, client: PageClient, sheet_id: str, apply: Apply) -> None:
        super().__init__("answer", "Edit the answer", apply)
        self._client = client
        self._sheet_id = sheet_id
        self._answer = ""

    async def ask(self, pair_id: str) -> None:
        """Open it for the selected pair."""
        self.clear()
        try:
            messages = await self._client.pair_text(self._sheet_id, pair_id)
        except PipelineError as error:
            with self._content:
                problem(error, title="The pair cannot be edited")
            self.open()
            return
        self._answer = messages[-1][1] if messages else ""
        with self._content:
            for role, content in messages[:-1]:
                with Tag("div", classes=f"says says-{role}"):
                    Tag("span", role, classes="says-who")
                    Tag("span", content, classes="says-what")
            with Tag("label", classes="field"):
                Tag("span", "Answer", classes="field-name")
                field = Tag("textarea", self._answer, rows=6)
                field.when("input", self._typed, VALUE)
                Tag("span", "You are recorded as the reviewer of the pair.", classes="help")
        self.offer("Save", lambda: self._save(None))
        self.offer("Save and approve", lambda: self._save(Status.LABELED), kind="primary")
        self.open()

    def _typed(self, event: Any) -> None:
        self._answer = str(event.args)

    async def _save(self, status: Status | None) -> None:
        changes = {"answer": self._answer} if status is None else {"answer": self._answer, "status": str(status)}
        await self.send(changes, "has another answer" if status is None else "has another answer and is approved")


def _said(pair: SheetPair, use: Use) -> str:
    """What a pair says of a use: prohibited wins."""
    if use in _words(pair.prohibited_uses):
        return _PROHIBITED
    return _ALLOWED if use in _words(pair.allowed_uses) else _NOT_ALLOWED


def _words(uses: list[str] | None) -> frozenset[str]:
    return frozenset(use.strip().lower() for use in uses or ())


def _common(words: Sequence[str]) -> str:
    return words[0] if len(set(words)) == 1 else ""
