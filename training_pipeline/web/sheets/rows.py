"""The pairs of a training sheet: verdict, status, uses, who and when; filtered and paged. Their text on demand."""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.usage import Status
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.web import formats
from training_pipeline.web.choice import Choice
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, icon, small_table
from training_pipeline.web.layout import problem
from training_pipeline.web.pair_cells import used, who
from training_pipeline.web.sheets.conversation import ConversationDialog
from training_pipeline.web.sheets.review import Review

PAGE: Final = 50
_ELIGIBLE: Final = "eligible"
_IN_TEXT: Final = "in text"
_COLUMNS: Final = ("Pair", "Text", "Item", "Verdict", "Status", "Allowed", "Prohibited", "Approved by", "Usage set by")
_IDS: Final = "Search pair, item or label id …"


class SheetRowTable:
    """Empty until `load` is called. `search` is looked for at first."""

    def __init__(
        self,
        client: PageClient,
        sheet_id: str,
        reads: ConversationDialog,
        review: Review | None = None,
        *,
        search: str = "",
    ) -> None:
        self._client = client
        self._reads = reads
        self._review = review
        self._sheet_id = sheet_id
        self._verdict = self._status = self._where = ""
        self._search = search.strip()
        self._before: list[str] = []
        self._cursor = ""
        self._next: str | None = None
        with Tag("div", classes="filters", role="search", aria_label="Filter pairs"):
            with Tag("label", classes="search"):
                Tag("span", "Search the pairs", classes="unseen")
                icon("search")
                self._field = Tag("input", type_="search", placeholder=_IDS, maxlength=200)
                self._field.set(autocomplete="off", spellcheck="false", value=self._search or None)
                self._field.when("input", self._searched, VALUE, throttle=0.2, leading_events=False)
                self._field.when("change", self._entered, VALUE)
            where = Choice("Search in", "in ids", self._looked)
            where.offer((_IN_TEXT,), "")
            verdicts = Choice("Verdict", "All verdicts", self._judged)
            verdicts.offer((_ELIGIBLE, *(str(reason) for reason in Reason)), "")
            statuses = Choice("Status", "All statuses", self._reviewed)
            statuses.offer(tuple(str(status) for status in Status), "")
        self._place = Tag("div", classes="pairs")
        with Tag("div", classes="pager"):
            self._previous = button("Previous", kind="small", picture="left").when("click", self._back)
            self._words = Tag("span", "", classes="muted", role="status")
            self._further = button("Next", kind="small", picture="right").when("click", self._on)

    async def load(self) -> bool:
        """Show the page; whether it is shown."""
        asked = (self._verdict, self._status, self._search, self._where, self._cursor)
        in_text = self._where == _IN_TEXT
        try:
            found = await self._client.sheet_pairs(
                self._sheet_id,
                verdict=asked[0],
                status=asked[1],
                search="" if in_text else asked[2],
                text=asked[2] if in_text else "",
                page_size=PAGE,
                cursor=asked[4] or None,
            )
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The pairs cannot be loaded")
            if self._review is not None:
                self._review.shows("", ())
            return False
        if asked != (self._verdict, self._status, self._search, self._where, self._cursor):
            return False  # a later one is on its way
        self._next = found.next_cursor
        self._previous.set(disabled=None if self._cursor else "")
        self._further.set(disabled=None if self._next else "")
        first = len(self._before) * PAGE + 1
        last = first + len(found.pairs) - 1
        self._words.say(f"{first:,} to {last:,} of {found.total:,}" if found.pairs else "")
        if self._review is not None:
            self._review.shows(found.digest, found.pairs)
        self._place.clear()
        with self._place:
            if found.pairs:
                columns = _COLUMNS if self._review is None else ("Select", *_COLUMNS)
                with small_table("Pairs", columns, classes="pair-table"):
                    for pair in found.pairs:
                        _row(pair, self._reads, self._review)
            else:
                Tag("p", "No pairs match these filters.", classes="muted")
        return True

    async def renew(self) -> bool:
        """Show the same place of the version that the sheet has now; whether it is shown."""
        if self._cursor:
            try:
                newest = await self._client.sheet_pairs(
                    self._sheet_id, verdict="", status="", search="", text="", page_size=1, cursor=None
                )
            except PipelineError:
                pass  # then the page says so
            else:
                self._cursor = in_version(self._cursor, newest.digest)
                self._before = [in_version(cursor, newest.digest) for cursor in self._before]
        return await self.load()

    async def _searched(self, event: Any) -> None:
        """Ids are searched as somebody types."""
        if self._where != _IN_TEXT:
            self._search = str(event.args).strip()
            await self._anew()

    async def _entered(self, event: Any) -> None:
        """A text is searched once it is entered: that reads the whole sheet."""
        if self._where == _IN_TEXT and str(event.args).strip() != self._search:
            self._search = str(event.args).strip()
            await self._anew()

    async def _looked(self, value: str) -> None:
        self._where = value
        of_all = "Search text" if self._client.may_approve else "Search what would be trained on"
        self._field.set(placeholder=f"{of_all}, then Enter …" if value == _IN_TEXT else _IDS)
        if self._search:
            await self._anew()

    async def _judged(self, value: str) -> None:
        self._verdict = value
        await self._anew()

    async def _reviewed(self, value: str) -> None:
        self._status = value
        await self._anew()

    async def _anew(self) -> None:
        self._cursor, self._before = "", []
        await self.load()

    async def _on(self) -> None:
        following, self._next = self._next, None  # a second click is for the page that it leads to
        if following is not None:
            self._before.append(self._cursor)
            self._cursor = following
            await self.load()

    async def _back(self) -> None:
        self._cursor = self._before.pop() if self._before else ""
        await self.load()


def in_version(cursor: str, digest: str) -> str:
    """The cursor that leads to the same place in another version of the sheet; none stays none."""
    if not cursor:
        return cursor
    position = paging.decode(paging.SheetRowPosition, cursor)
    return paging.encode(position.model_copy(update={"digest": digest}))


def _row(pair: SheetPair, reads: ConversationDialog, review: Review | None) -> None:
    with Tag("tr"):
        if review is not None:
            review.box(pair)
        used("pair", pair.pair_id, classes="mono strong")
        with Tag("td"):
            if pair.pair_id is not None:
                pair_id = pair.pair_id
                shown = button("Read", kind="quiet small", aria_label=f"Read pair {pair_id}")
                shown.when("click", lambda _: reads.show(pair_id))
        used("item", pair.item_ref)
        with Tag("td"):
            Tag("span", "may be trained on" if pair.reason is None else MEANINGS[Reason(pair.reason)])
            if pair.reason is not None and pair.usage_reason:
                Tag("span", pair.usage_reason, classes="sub")
        Tag("td", pair.status or formats.NONE)
        Tag("td", _uses(pair.allowed_uses))
        Tag("td", _uses(pair.prohibited_uses))
        who(pair.reviewed_by, pair.reviewed_at)
        who(pair.constraints_set_by, pair.constraints_set_at)


def _uses(uses: list[str] | None) -> str:
    return "not stated" if uses is None else ", ".join(uses) or "none"
