"""The pairs of a training sheet: verdict, status, uses, who and when; filtered and paged. Never their text."""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.usage import Status
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, icon, small_table
from training_pipeline.web.jobs.filters import Choice
from training_pipeline.web.jobs.pair_table import used, who
from training_pipeline.web.layout import problem
from training_pipeline.web.sheets.review import Review

PAGE: Final = 50
_ELIGIBLE: Final = "eligible"
_COLUMNS: Final = ("Pair", "Item", "Verdict", "Status", "Allowed", "Prohibited", "Approved by", "Usage set by")


class SheetRowTable:
    """Empty until `load` is called."""

    def __init__(self, client: PageClient, sheet_id: str, review: Review | None = None) -> None:
        self._client = client
        self._review = review
        self._sheet_id = sheet_id
        self._verdict = self._status = self._search = ""
        self._before: list[str] = []
        self._cursor = ""
        self._next: str | None = None
        with Tag("div", classes="filters", role="search", aria_label="Filter pairs"):
            with Tag("label", classes="search"):
                Tag("span", "Search pair ids, items and labels", classes="unseen")
                icon("search")
                field = Tag("input", type_="search", placeholder="Search pair, item or label id …", maxlength=200)
                field.set(autocomplete="off", spellcheck="false")
                field.when("input", self._searched, VALUE, throttle=0.2, leading_events=False)
            verdicts = Choice("Verdict", "All verdicts", self._judged)
            verdicts.offer((_ELIGIBLE, *(str(reason) for reason in Reason)), "")
            statuses = Choice("Status", "All statuses", self._reviewed)
            statuses.offer(tuple(str(status) for status in Status), "")
        self._place = Tag("div", classes="pairs")
        with Tag("div", classes="pager"):
            self._previous = button("Previous", kind="small", picture="left").when("click", self._back)
            self._words = Tag("span", "", classes="muted", role="status")
            self._further = button("Next", kind="small", picture="right").when("click", self._on)

    async def load(self) -> None:
        """Show the page."""
        asked = (self._verdict, self._status, self._search, self._cursor)
        try:
            found = await self._client.sheet_pairs(
                self._sheet_id,
                verdict=asked[0],
                status=asked[1],
                search=asked[2],
                page_size=PAGE,
                cursor=asked[3] or None,
            )
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The pairs cannot be loaded")
            return
        if asked != (self._verdict, self._status, self._search, self._cursor):
            return  # a later one is on its way
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
                        _row(pair, self._review)
            else:
                Tag("p", "No pairs match these filters.", classes="muted")

    async def renew(self) -> None:
        """Show the same place of the version that the sheet has now."""
        if self._cursor:
            try:
                newest = await self._client.sheet_pairs(
                    self._sheet_id, verdict="", status="", search="", page_size=1, cursor=None
                )
            except PipelineError:
                pass  # then the page says so
            else:
                self._cursor = in_version(self._cursor, newest.digest)
                self._before = [in_version(cursor, newest.digest) for cursor in self._before]
        await self.load()

    async def _searched(self, event: Any) -> None:
        self._search = str(event.args).strip()
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
        if self._next is not None:
            self._before.append(self._cursor)
            self._cursor = self._next
            await self.load()

    async def _back(self) -> None:
        self._cursor = self._before.pop() if self._before else ""
        await self.load()


def in_version(cursor: str, digest: str) -> str:
    """The cursor that leads to the same place in another version of the sheet; none stays none. Pure."""
    if not cursor:
        return cursor
    position = paging.decode(paging.SheetRowPosition, cursor)
    return paging.encode(position.model_copy(update={"digest": digest}))


def _row(pair: SheetPair, review: Review | None) -> None:
    with Tag("tr"):
        if review is not None:
            review.box(pair)
        used("pair", pair.pair_id, classes="mono strong")
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
