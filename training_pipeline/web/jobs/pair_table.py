"""The pairs of one split, or the excluded ones: paged and searchable. Identifiers only, never text."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui

from training_pipeline.client.jobs.base import Pairs
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.lineage import LineagePair
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, icon, small_table
from training_pipeline.web.layout import problem
from training_pipeline.web.pair_cells import used, who

PAGE: Final = 25
_COLUMNS: Final = ("Pair", "Item", "Canonical label", "Classification", "Approved by", "Usage set by")


class PairTable:
    """Empty until `load` is called. `looked_for` is called with the search text and the page's cursor."""

    def __init__(
        self, client: PageClient, job_id: str, part: Pairs, looked_for: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._part = part
        self._looked_for = looked_for
        self._search = ""
        self._before: list[str] = []
        self._cursor = ""
        self._next: str | None = None
        with Tag("label", classes="search"):
            Tag("span", "Search pair ids, items and labels", classes="unseen")
            icon("search")
            self._field = Tag("input", type_="search", placeholder="Search pair, item or label id …", maxlength=200)
            self._field.set(autocomplete="off", spellcheck="false")
            self._field.when("input", self._searched, VALUE, throttle=0.2, leading_events=False)
        self._place = Tag("div", classes="pairs")
        with Tag("div", classes="pager"):
            self._previous = button("Previous", kind="small", picture="left").when("click", self._back)
            self._words = Tag("span", "", classes="muted", role="status")
            self._further = button("Next", kind="small", picture="right").when("click", self._on)

    async def load(self, search: str, cursor: str) -> None:
        """Show a page of the pairs that match."""
        self._search, self._cursor, self._before = search, cursor, []
        if search:
            ui.run_javascript(f"TrainPage.setValue({json.dumps(self._field.html_id)}, {json.dumps(search)})")
        await self._show()

    async def _searched(self, event: Any) -> None:
        self._search, self._cursor, self._before = str(event.args).strip(), "", []
        await self._looked_for(self._search, "")
        await self._show()

    async def _on(self) -> None:
        following, self._next = self._next, None  # a second click is for the page that it leads to
        if following is not None:
            self._before.append(self._cursor)
            await self._turn(following)

    async def _back(self) -> None:
        await self._turn(self._before.pop() if self._before else "")

    async def _turn(self, cursor: str) -> None:
        self._cursor = cursor
        await self._looked_for(self._search, cursor)
        await self._show()

    async def _show(self) -> None:
        asked = (self._search, self._cursor)
        try:
            found = await self._client.lineage(
                self._job_id, pairs=self._part, search=asked[0], page_size=PAGE, cursor=asked[1] or None
            )
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The pairs cannot be loaded")
            return
        if asked != (self._search, self._cursor):
            return
        self._next = found.next_cursor
        self._previous.set(disabled=not self._cursor or None)
        self._further.set(disabled=self._next is None or None)
        self._words.say(f"{len(found.pairs):,} on this page" if found.pairs else "")
        self._place.clear()
        with self._place:
            if found.pairs:
                self._table(found.pairs)
            else:
                Tag("p", "No pairs match this search." if self._search else "No pairs.", classes="muted")

    def _table(self, pairs: list[LineagePair]) -> None:
        columns = (*_COLUMNS, "Excluded because") if self._part == "excluded" else _COLUMNS
        with small_table("Pairs", columns, classes="pair-table"):
            for pair in pairs:
                _row(pair)


def _row(pair: LineagePair) -> None:
    with Tag("tr"):
        used("pair", pair.pair_id, classes="mono strong")
        used("item", pair.item_ref)
        used("label", pair.canonical_label_id)
        Tag("td", pair.classification or formats.NONE)
        who(pair.reviewed_by, pair.reviewed_at)
        who(pair.constraints_set_by, pair.constraints_set_at)
        if pair.reason is not None:
            Tag("td", MEANINGS[Reason(pair.reason)])
