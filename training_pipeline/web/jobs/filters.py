"""The filters above the list of jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.facets import Facets
from training_pipeline.web import formats
from training_pipeline.web.choice import Choice
from training_pipeline.web.elements import VALUE, Tag, icon
from training_pipeline.web.layout import set_value
from training_pipeline.web.urls import JobFilters

Apply = Callable[[JobFilters], Awaitable[None]]


class FilterBar:
    """Calls `apply` whenever the filters change."""

    def __init__(self, filters: JobFilters, apply: Apply) -> None:
        self._filters = filters
        self._apply = apply
        self._counts: dict[JobStatus, Tag] = {}
        self._chips: dict[JobStatus, Tag] = {}
        with Tag("div", classes="filters", role="search", aria_label="Filter jobs"):
            with Tag("label", classes="search"):
                Tag("span", "Search jobs", classes="unseen")
                icon("search")
                self._search = Tag("input", type_="search", placeholder="Search model, sheet, id …", maxlength=128)
                self._search.set(**{"^value": filters.search, "autocomplete": "off", "spellcheck": "false"})
                self._search.when("input", self._searched, VALUE, throttle=0.15, leading_events=False)
            self._sheet = Choice("Training sheet", "All sheets", lambda value: self._chosen(sheet=value))
            self._creator = Choice("Created by", "Anyone", lambda value: self._chosen(creator=value))
            self._tag = Choice("Tag", "All tags", lambda value: self._chosen(tag=value))
            self._clear = Tag("button", "Clear", classes="button quiet small", type="button")
            self._clear.when("click", self._cleared)
            with Tag("div", classes="chips", role="group", aria_label="Status"):
                for status in JobStatus:
                    chip = Tag("button", classes="chip", type="button", aria_pressed="false")
                    with chip:
                        Tag("span", classes=f"dot is-{status}", aria_hidden="true")
                        Tag("span", status)
                        self._counts[status] = Tag("span", "", classes="chip-count")
                    chip.when("click", lambda _, status=status: self._toggled(status))
                    self._chips[status] = chip
                self._tainted = Tag("button", classes="chip", type="button", aria_pressed="false")
                with self._tainted:
                    Tag("span", classes="dot is-failed", aria_hidden="true")
                    Tag("span", "tainted")
                self._tainted.when("click", lambda: self._chosen(tainted=not self._filters.tainted))
        self.show(filters)

    def offer(self, facets: Facets) -> None:
        """Offer the values that there are now."""
        for status, count in facets.statuses.items():
            self._counts[status].say(formats.count(count))
        self._sheet.offer(facets.training_sheet_ids, self._filters.sheet)
        self._creator.offer(facets.creators, self._filters.creator)
        self._tag.offer(facets.tags, self._filters.tag)

    def show(self, filters: JobFilters, *, typed: bool = False) -> None:
        """Show these filters; `typed` says that the field for a text is to be set as well."""
        self._filters = filters
        for status, chip in self._chips.items():
            chip.set(aria_pressed="true" if status in filters.statuses else "false")
        self._tainted.set(aria_pressed="true" if filters.tainted else "false")
        self._sheet.show(filters.sheet)
        self._creator.show(filters.creator)
        self._tag.show(filters.tag)
        self._clear.set_visibility(filters.filtered)
        if typed:
            set_value(self._search, filters.search)

    async def _searched(self, event: Any) -> None:
        await self._chosen(search=str(event.args).strip()[:128])

    async def _toggled(self, status: JobStatus) -> None:
        chosen = set(self._filters.statuses) ^ {status}
        await self._chosen(statuses=tuple(each for each in JobStatus if each in chosen))

    async def _chosen(self, **changes: object) -> None:
        await self._apply(self._filters.with_(**changes))

    async def _cleared(self) -> None:
        set_value(self._search, "")
        await self._chosen(statuses=(), sheet="", creator="", search="", tag="", tainted=False)
