"""What a steward does with pairs of the table: select some, approve, reject, flag, set uses, edit an answer, undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from training_pipeline.domain.errors import Conflict, InvalidRequest, PipelineError
from training_pipeline.domain.usage import Status
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, link
from training_pipeline.web.layout import go, problem, say
from training_pipeline.web.sheets.edit_dialogs import AnswerDialog, UsesDialog

#: Whether a box is ticked.
_CHECKED: Final = "(event) => emit(event.target.checked)"
_ACTIONS: Final = (
    ("Approve", Status.LABELED, "check", "approved"),
    ("Reject", Status.REJECTED, "stop", "rejected"),
    ("Flag", Status.FLAGGED, "alert", "flagged"),
)


def show_elsewhere(client: PageClient, edits: TrainingSheetEdits, digest: Callable[[], str]) -> None:
    """Say that the pairs of a sheet are edited elsewhere, and where; nothing for one that is edited here.

    Where the sheet can be taken over, a button does it: of the version that `digest` says.
    """
    if edits.not_editable_because is None:
        return
    with Tag("p", classes="review-note muted"):
        Tag("span", edits.not_editable_because + " ")
        if edits.edit_at is not None:
            link("Open the table", edits.edit_at)
    if edits.may_be_taken_over:
        trouble = Tag("div", classes="review-note")

        async def take_over() -> None:
            try:
                await client.take_over_sheet(edits.training_sheet_id, digest())
            except PipelineError as error:
                trouble.clear()
                with trouble:
                    problem(error, title="The sheet was not taken over")
                return
            go(urls.sheet(edits.training_sheet_id))

        with Tag("p", classes="review-note"):
            button("Take over to review it here", kind="small", picture="check").does(take_over)


class Review:
    """The bar above the table, and the boxes in its rows. Whoever shows rows tells it which."""

    def __init__(self, client: PageClient, sheet_id: str, renewed: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._sheet_id = sheet_id
        self._renewed = renewed
        self._digest = ""
        self._shown: dict[str, SheetPair] = {}
        self._boxes: dict[str, Tag] = {}
        self._chosen: dict[str, SheetPair] = {}
        self._last: TrainingSheetEdit | None = None
        self._is_writing = False
        with Tag("div", classes="review", role="toolbar", aria_label="Review the selected pairs"):
            self._words = Tag("span", classes="review-count", role="status")
            self._all = button("Select all shown", kind="quiet small").when("click", self._toggle_all)
            self._buttons = [
                button(name, kind="small", picture=picture).when(
                    "click", lambda _, status=status, done=done: self._decide(status, done)
                )
                for name, status, picture, done in _ACTIONS
            ]
            self._buttons.append(button("Uses …", kind="small").when("click", self._ask_uses))
            self._answer = button("Edit answer …", kind="small").when("click", self._ask_answer)
            self._undo = button("Undo", kind="quiet small").when("click", self._undo_last)
        self._trouble = Tag("div", classes="review-note")
        self._uses = UsesDialog(self.apply)
        self._edits = AnswerDialog(client, sheet_id, self.apply)
        self._tell()

    def shows(self, digest: str, pairs: Sequence[SheetPair]) -> None:
        """These pairs of this version are on show from now on; none of them is selected."""
        self._digest = digest
        self._shown = {pair.pair_id: pair for pair in pairs if pair.pair_id is not None}
        self._boxes, self._chosen = {}, {}
        self._tell()

    def box(self, pair: SheetPair) -> None:
        """The cell with the box that selects a pair; empty for one without an id."""
        with Tag("td"):
            if (pair_id := pair.pair_id) is not None:
                made = Tag("input", type_="checkbox", aria_label=f"Select {pair_id}")
                self._boxes[pair_id] = made.when("change", lambda event: self._choose(pair_id, event), _CHECKED)

    async def apply(self, changes: dict[str, Any], done: str) -> PipelineError | None:
        """Edit the selected pairs; why that was refused, if it was."""
        if not (pair_ids := list(self._chosen)):
            return InvalidRequest("No pair is selected any more.", hint="Go back, and select the pairs again.")
        body = {"digest": self._digest, "pair_ids": pair_ids, **changes}
        return await self._carry_out(lambda: self._client.edit_pairs(self._sheet_id, body), done)

    async def undo(self, number: int) -> None:
        """Take an edit back."""
        if not self._is_writing:
            call = partial(self._client.undo_edit, self._sheet_id, number, self._digest)
            self._say(await self._carry_out(call, f"as before edit {number}"))

    async def _decide(self, status: Status, done: str) -> None:
        if not self._is_writing:
            self._say(await self.apply({"status": str(status)}, done))

    def _say(self, error: PipelineError | None) -> None:
        """Say above the table why nothing was changed."""
        if error is not None:
            with self._trouble:
                problem(error, title="Nothing was changed")

    async def _carry_out(self, call: Callable[[], Awaitable[TrainingSheetEdit]], done: str) -> PipelineError | None:
        self._is_writing = True
        self._tell()
        self._trouble.clear()
        try:
            return await self._written(call, done)
        finally:
            self._is_writing = False
            self._tell()

    async def _written(self, call: Callable[[], Awaitable[TrainingSheetEdit]], done: str) -> PipelineError | None:
        try:
            made = await call()
        except PipelineError as error:
            if isinstance(error, Conflict):
                await self._renewed()  # so that what others did is seen
            return error
        self._last = made if made.undoes is None else None
        if made.old_digest == self._digest:  # what one did oneself is no surprise; what others did before it is
            self._digest = made.new_digest
        say(f"{_counted(made.pairs)} {done}.")
        await self._renewed()
        return None

    def _choose(self, pair_id: str, event: Any) -> None:
        if event.args:
            self._chosen[pair_id] = self._shown[pair_id]
        else:
            self._chosen.pop(pair_id, None)
        self._boxes[pair_id].set(checked=bool(event.args) or None)
        self._tell()

    def _toggle_all(self) -> None:
        every = len(self._chosen) < len(self._shown)
        self._chosen = dict(self._shown) if every else {}
        for made in self._boxes.values():
            made.set(checked=every or None)
        self._tell()

    def _tell(self) -> None:
        count = len(self._chosen)
        self._words.say(f"{_counted(count)} selected" if count else "Select pairs to review them.")
        self._all.say("Select none" if self._shown and count == len(self._shown) else "Select all shown")
        for each in self._buttons:
            each.set(disabled=None if count and not self._is_writing else "")
        self._answer.set(disabled=None if count == 1 and not self._is_writing else "")
        self._undo.set(disabled="" if self._is_writing else None)
        self._undo.set_visibility(self._last is not None)
        if self._last is not None:
            self._undo.say(f"Undo edit {self._last.number}")

    def _ask_uses(self) -> None:
        self._uses.ask(list(self._chosen.values()))

    async def _ask_answer(self) -> None:
        (pair_id,) = self._chosen
        await self._edits.ask(pair_id)

    async def _undo_last(self) -> None:
        if self._last is not None:
            await self.undo(self._last.number)


def _counted(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"{formats.count(pairs)} pairs"
