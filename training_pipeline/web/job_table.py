"""The table of jobs. A row stays the same element while its job is shown, so that focus and place are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from training_pipeline.api.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.domain.job import ACTIVE, Action
from training_pipeline.training_jobs.pages import JobSort
from training_pipeline.web import address, formats
from training_pipeline.web.address import JobFilters
from training_pipeline.web.cancel_dialog import CancelDialog
from training_pipeline.web.desk import Desk
from training_pipeline.web.elements import Badge, Bar, Tag, button, icon, link, moment

Apply = Callable[[JobFilters], Awaitable[None]]

#: Title, what it is sorted by, and the class of its cells.
_COLUMNS: Final[tuple[tuple[str, JobSort | None, str], ...]] = (
    ("Model", JobSort.MODEL_NAME, "wide"),
    ("Status", JobSort.STATUS, ""),
    ("Training sheet", JobSort.TRAINING_SHEET, ""),
    ("Train loss", JobSort.TRAIN_LOSS, "number"),
    ("Val. loss", JobSort.VAL_LOSS, "number"),
    ("Created", JobSort.CREATED_AT, ""),
    ("Duration", JobSort.DURATION, "number"),
    ("Actions", None, "actions"),
)


class JobTable:
    """Shows a page of jobs."""

    ROWS: Final = 25

    def __init__(self, desk: Desk, apply: Apply, refresh: Callable[[], Awaitable[None]]) -> None:
        self._desk = desk
        self._apply = apply
        self._filters = JobFilters()
        self._rows: dict[str, _Row] = {}
        self._cancel = CancelDialog(desk, refresh)
        with Tag("div", classes="table-wrap", tabindex="0", role="region", aria_label="Jobs, a table"):
            self._table = Tag("table", classes="jobs", role="table")
            with self._table:
                with Tag("thead", role="rowgroup"), Tag("tr", role="row"):
                    self._heads = [_Head(*column, self._sorted) for column in _COLUMNS]
                self._body = Tag("tbody", role="rowgroup")
        self._nothing = Tag("div", classes="empty")
        self._pager = _Pager(self._turned)

    def show(self, page: TrainingJobPage, filters: JobFilters) -> None:
        """Show this page. Rows of jobs that were shown before are kept."""
        self._filters = filters
        for head in self._heads:
            head.show(filters)
        shown = {job.id for job in page.jobs}
        for job_id in [job_id for job_id in self._rows if job_id not in shown]:
            self._rows.pop(job_id).whole.delete()
        for place, job in enumerate(page.jobs):
            row = self._rows.get(job.id)
            if row is None:
                with self._body:
                    row = self._rows[job.id] = _Row(job, self._desk, self._cancel)
            else:
                row.show(job)
            if self._body.default_slot.children[place] is not row.whole:
                row.whole.move(self._body, place)
        self._table.set_visibility(bool(page.jobs))
        self._show_nothing(page)
        self._pager.show(filters.page, page.total, self.ROWS)

    def _show_nothing(self, page: TrainingJobPage) -> None:
        self._nothing.set_visibility(not page.jobs)
        if page.jobs:
            return
        self._nothing.clear()
        with self._nothing:
            icon("stack")
            if page.total:
                Tag("p", "There are not that many pages.", classes="empty-title")
                link("Go to the first page", self._filters.with_().address(), classes="button")
            elif self._filters.filtered:
                Tag("p", "No job passes these filters.", classes="empty-title")
                Tag("p", "Clear a filter, or search for another text.", classes="muted")
            else:
                Tag("p", "No training job yet.", classes="empty-title")
                Tag("p", "Choose a training sheet above to create the first one.", classes="muted")

    async def _sorted(self, sort: JobSort) -> None:
        down = not self._filters.descending if sort is self._filters.sort else sort is JobSort.CREATED_AT
        await self._apply(self._filters.with_(sort=sort, descending=down))

    async def _turned(self, page: int) -> None:
        await self._apply(self._filters.with_(page=page))


class _Head:
    """The head of a column; a button where it can be sorted by."""

    def __init__(
        self, title: str, sort: JobSort | None, classes: str, chosen: Callable[[JobSort], Awaitable[None]]
    ) -> None:
        self._sort = sort
        self._cell = Tag("th", classes=classes, scope="col", role="columnheader")
        with self._cell:
            if sort is None:
                Tag("span", title, classes="unseen")
                return
            with Tag("button", classes="sort", type="button").when("click", lambda: chosen(sort)):
                Tag("span", title)
                icon("sort")

    def show(self, filters: JobFilters) -> None:
        """Say whether and how the table is sorted by this column."""
        ways = {True: "descending", False: "ascending"}
        self._cell.set(aria_sort=ways[filters.descending] if self._sort is filters.sort else None)


class _Row:
    """One job."""

    def __init__(self, job: TrainingJob, desk: Desk, cancel: CancelDialog) -> None:
        self._desk = desk
        self._cancel = cancel
        self._job = job
        self.whole = Tag("tr", role="row")
        with self.whole:
            with _cell("Model", "wide"):
                link(job.model_name, address.job(job.id), classes="strong")
                Tag("span", job.id, classes="sub mono")
            with _cell("Status"):
                self._badge = Badge(job.status)
                self._bar = Bar(f"Progress of {job.model_name}", job.progress_percent, classes="thin")
            with _cell("Training sheet"):
                Tag("span", job.training_sheet_name)
                Tag("span", job.base_model, classes="sub")
            self._train_loss = _cell("Train loss", "number")
            self._val_loss = _cell("Val. loss", "number")
            with _cell("Created"):
                moment(job.created_at)
                Tag("span", f"by {job.created_by}", classes="sub")
            self._duration = _cell("Duration", "number")
            self._actions = _cell("Actions", "actions")
        self._shown_actions: frozenset[Action] | None = None
        self.show(job)

    def show(self, job: TrainingJob) -> None:
        """Show the job as it now is."""
        self._job = job
        active = job.status in ACTIVE
        self._badge.show(job.status, stopping=active and job.cancel_requested_at is not None)
        self._bar.show(job.progress_percent, visible=active)
        self._train_loss.say(formats.figure(job.train_loss))
        self._val_loss.say(formats.figure(job.val_loss))
        self._duration.say(formats.seconds(job.duration_seconds))
        actions = frozenset(job.allowed_actions) & {Action.CANCEL, Action.RETRY}
        if actions != self._shown_actions:
            self._shown_actions = actions
            self._actions.clear()
            with self._actions:
                if Action.CANCEL in actions:
                    stop = button("Cancel", kind="quiet small", aria_label=f"Cancel {job.model_name} ({job.id})")
                    stop.when("click", lambda: self._cancel.ask(self._job))
                if Action.RETRY in actions:
                    name = f"Retry {job.model_name} ({job.id})"
                    link("Retry", address.retry(job.id), classes="button quiet small", aria_label=name)


class _Pager:
    """Goes from page to page."""

    def __init__(self, turned: Callable[[int], Awaitable[None]]) -> None:
        self._page = 1
        self._nav = Tag("nav", classes="pager", aria_label="Pages of jobs")
        with self._nav:
            self._previous = button("Previous", kind="small", picture="left")
            self._previous.when("click", lambda: turned(self._page - 1))
            self._where = Tag("span", "", classes="muted")
            self._next = button("Next", kind="small", picture="right")
            self._next.when("click", lambda: turned(self._page + 1))

    def show(self, page: int, total: int, size: int) -> None:
        """Say where the table is among all jobs."""
        self._page = page
        last = max(1, -(-total // size))
        first = (page - 1) * size + 1
        self._where.say(f"{first:,} to {min(page * size, total):,} of {total:,}" if total else "")
        self._previous.set(disabled=page <= 1 or None)
        self._next.set(disabled=page >= last or None)
        self._nav.set_visibility(total > size)


def _cell(label: str, classes: str = "") -> Tag:
    return Tag("td", classes=classes, role="cell", data_label=label)
