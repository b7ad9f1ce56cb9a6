"""The table of jobs: heads and values here, the cells of a row in `static/job_rows.js`.

A job keeps its row element while it is shown, so that focus and scroll position are kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from nicegui.element import Element

from training_pipeline.domain.comparable import FEWEST, MOST
from training_pipeline.domain.job import ACTIVE, Action
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.training_jobs.store.queries import JobSort
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, badge_of, button, icon, link
from training_pipeline.web.jobs.cancel_dialog import CancelDialog
from training_pipeline.web.layout import go
from training_pipeline.web.static_files import STATIC
from training_pipeline.web.urls import JobFilters

Apply = Callable[[JobFilters], Awaitable[None]]

#: So many tags of a job are shown, and so many letters of its note.
_TAGS: Final = 3
_NOTE: Final = 80
#: Columns whose titles are only read out.
_UNSEEN: Final = ("Compare", "Actions")
#: Title, what it is sorted by, and the class of its cells.
_COLUMNS: Final[tuple[tuple[str, JobSort | None, str], ...]] = (
    ("Compare", None, "tick"),
    ("Model", JobSort.MODEL_NAME, "wide"),
    ("Status", JobSort.STATUS, ""),
    ("Training sheet", JobSort.TRAINING_SHEET, ""),
    ("Learning rate", None, "number"),
    ("Train loss", JobSort.TRAIN_LOSS, "number"),
    ("Val. loss", JobSort.VAL_LOSS, "number"),
    ("Created", JobSort.CREATED_AT, ""),
    ("Duration", JobSort.DURATION, "number"),
    ("Actions", None, "actions"),
)


class JobTable:
    """Shows a page of jobs."""

    ROWS: Final = 25

    def __init__(self, client: PageClient, apply: Apply, refresh: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._apply = apply
        self._filters = JobFilters()
        self._jobs: dict[str, TrainingJob] = {}
        self._cancel = CancelDialog(client, refresh)
        self._chosen = TickedJobs(lambda: self._apply(self._filters.with_(page=self._filters.page, ticked=())))
        with Tag("div", classes="table-wrap", tabindex="0", role="region", aria_label="Jobs table"):
            self._table = Tag("table", classes="jobs", role="table")
            with self._table:
                with Tag("thead", role="rowgroup"), Tag("tr", role="row"):
                    self._heads = [_Head(*column, self._sorted) for column in _COLUMNS]
                self._rows = _Rows()
                self._rows.on("cancel", lambda event: self._asked(str(event.args)))
                self._rows.on("tick", lambda event: self._ticked(*event.args))
        self._nothing = Tag("div", classes="empty")
        self._pager = _Pager(self._turned)

    def choose(self, filters: JobFilters) -> None:
        """Show what is chosen, before its jobs are there. The next change is one of these filters."""
        self._filters = filters
        for head in self._heads:
            head.show(filters)
        self._chosen.show(filters.ticked)

    def show(self, page: TrainingJobPage, filters: JobFilters, best: Mapping[str, float]) -> None:
        """Show this page; `best` are the lowest validation losses by job."""
        self.choose(filters)
        self._jobs = {job.id: job for job in page.jobs}
        self._rows.show(page.jobs, best, filters.ticked, may_create=self._client.may_create)
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
                Tag("p", "This page does not exist.", classes="empty-title")
                link("Go to the first page", self._filters.with_().address(), classes="button")
            elif self._filters.filtered:
                Tag("p", "No jobs match these filters.", classes="empty-title")
                Tag("p", "Clear a filter or change the search.", classes="muted")
            else:
                Tag("p", "No training jobs yet.", classes="empty-title")
                Tag("p", "Choose a training sheet above to create the first one.", classes="muted")

    def _asked(self, job_id: str) -> None:
        if job_id in self._jobs:  # else it has left the page meanwhile
            self._cancel.ask(self._jobs[job_id])

    async def _ticked(self, job_id: str, ticked: bool) -> None:
        await self._apply(self._filters.tick(job_id, ticked=ticked))

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
                Tag("span", title, classes="unseen" if title in _UNSEEN else "")
                return
            with Tag("button", classes="sort", type="button").when("click", lambda: chosen(sort)):
                Tag("span", title)
                icon("sort")

    def show(self, filters: JobFilters) -> None:
        """Show whether and how the table is sorted by this column."""
        ways = {True: "descending", False: "ascending"}
        self._cell.set(aria_sort=ways[filters.descending] if self._sort is filters.sort else None)


class _Rows(Element, component=STATIC / "job_rows.js"):
    """The rows, drawn by one component; nothing is sent if they are unchanged."""

    def show(
        self, jobs: Sequence[TrainingJob], best: Mapping[str, float], ticked: Sequence[str], *, may_create: bool
    ) -> None:
        """Show these jobs, in this order, which of them are ticked, and the lowest validation losses by job."""
        rows = [
            _row(job, best.get(job.id), may_create=may_create)
            | {"ticked": job.id in ticked, "full": len(ticked) >= MOST}
            for job in jobs
        ]
        if self._props.get("jobs") != rows:
            self._props["jobs"] = rows


class TickedJobs:
    """How many jobs are ticked, and the way to their comparison; hidden while there are none."""

    def __init__(self, clear: Callable[[], Awaitable[None]]) -> None:
        self._ids: Sequence[str] = ()
        self._bar = Tag("div", classes="ticked-bar")
        with self._bar:
            self._words = Tag("span", "", role="status")
            self._open = button("Compare", kind="primary small", picture="chart")
            self._open.when("click", lambda: go(urls.compare(self._ids)))
            button("Untick all", kind="quiet small").when("click", clear)

    def show(self, ids: Sequence[str]) -> None:
        """Show how many are ticked, and what else is needed."""
        self._ids = ids
        self._bar.set_visibility(bool(ids))
        more = ". Tick another one to compare it with" if len(ids) < FEWEST else ""
        full = ", as many as can be compared" if len(ids) == MOST else ""
        self._words.say(f"{len(ids)} job{'' if len(ids) == 1 else 's'} ticked{full}{more}")
        self._open.set(disabled=len(ids) < FEWEST or None)


def _row(job: TrainingJob, best: float | None, *, may_create: bool) -> dict[str, Any]:
    active = job.status in ACTIVE
    config = job.training_config
    epochs = config.get("epochs")
    badge = badge_of(job.status, stopping=active and job.cancel_requested_at is not None)
    return {
        "id": job.id,
        "address": urls.job(job.id),
        "model": job.model_name,
        "version": job.uc_model_version,
        "versionAddress": job.uc_model_version and _version_address(job),
        "tags": [{"text": tag, "address": JobFilters(tag=tag).address()} for tag in job.tags[:_TAGS]],
        "moreTags": max(0, len(job.tags) - _TAGS),
        "note": _first_line(job.note),
        "look": badge.look,
        "icon": badge.picture,
        "status": badge.word,
        "tainted": job.tainted_at is not None,
        "active": active,
        "percent": round(job.progress_percent, 1),
        "sheet": job.training_sheet_name,
        "base": job.base_model,
        "learningRate": formats.value(config.get("learning_rate")),
        "epochs": "" if epochs is None else f"{epochs:g} epoch{'' if epochs == 1 else 's'}",
        "trainLoss": formats.loss(job.train_loss),
        "valLoss": formats.loss(job.val_loss),
        "best": formats.loss(best) if best is not None and formats.loss(best) != formats.loss(job.val_loss) else "",
        "created": job.created_at.isoformat(),
        "creator": job.created_by,
        "duration": formats.seconds(job.duration_seconds),
        "since": job.started_at.isoformat() if active and job.started_at else None,
        "whole": _whole(job),
        "copy": urls.job_like(job, {}) if may_create else None,
        "cancel": Action.CANCEL in job.allowed_actions,
        "retry": urls.retry(job.id) if Action.RETRY in job.allowed_actions else None,
    }


def _first_line(note: str) -> str:
    line = note.partition("\n")[0]
    return line if len(line) <= _NOTE else f"{line[: _NOTE - 1]}…"


def _whole(job: TrainingJob) -> str:
    """How long it took from its creation to its end, where that is more than its training."""
    if job.completed_at is None or job.duration_seconds is None:
        return ""
    whole = formats.seconds((job.completed_at - job.created_at).total_seconds())
    return "" if whole == formats.seconds(job.duration_seconds) else f"{whole} in all"


def _version_address(job: TrainingJob) -> str:
    return urls.model_version(job.uc_model_name or job.model_name, job.uc_model_version or "")


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
        """Show which of all jobs are listed."""
        self._page = page
        last = max(1, -(-total // size))
        first = (page - 1) * size + 1
        self._where.say(f"{first:,} to {min(page * size, total):,} of {total:,}" if total else "")
        self._previous.set(disabled=page <= 1 or None)
        self._next.set(disabled=page >= last or None)
        self._nav.set_visibility(total > size)
