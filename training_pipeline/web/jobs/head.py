"""The head of a job's page: identity, progress, actions, and the cause of a failure."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import ACTIVE, Action, JobStatus
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Badge, Bar, Tag, audit_link, button, code, icon, link, moment
from training_pipeline.web.jobs.cancel_dialog import CancelDialog
from training_pipeline.web.layout import say

#: Revocations that are named at most.
_REVOCATIONS: Final = 10
_WAITING: Final = frozenset({JobStatus.PENDING, JobStatus.QUEUED})


class JobHead:
    """Shows the job; everything in it follows the job."""

    def __init__(self, client: PageClient, job: TrainingJob, refresh: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._job = job
        self._refresh = refresh
        self._cancel = CancelDialog(client, refresh)
        self._shown_actions: frozenset[Action] | None = None
        self._shown_cause: str | None = None
        with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
            link("Train", urls.HOME)
            Tag("span", "/", aria_hidden="true")
            Tag("span", "Job", aria_current="page")
        with Tag("div", classes="page-head"):
            with Tag("div", classes="title"):
                with Tag("div", classes="title-line"):
                    Tag("h1", job.model_name)
                    self._badge = Badge(job.status)
                with Tag("p", classes="lede meta"):
                    code(job.id, copied_as="job ID")
                    with Tag("span"):
                        Tag("span", "created by ")
                        Tag("span", job.created_by, classes="strong")
                        Tag("span", " ")
                        moment(job.created_at)
                    with Tag("span"):
                        Tag("span", "on ")
                        link(job.training_sheet_name, urls.new_job(job.training_sheet_id))
                    if job.retry_of:
                        with Tag("span"):
                            Tag("span", f"attempt {job.attempt}, retry of ")
                            link(job.retry_of, urls.job(job.retry_of), classes="mono")
            self._actions = Tag("div", classes="buttons")
        self._cause = Tag("div")
        self._tainted = Tag("div", classes="notice bad", role="note")
        with self._tainted:
            icon("alert")
            with Tag("div"):
                Tag("p", "This model is tainted", classes="notice-title")
                with Tag("p") as self._tainted_by:
                    Tag("span", "")
        self._tainted.set_visibility(False)
        self._stopping = Tag("div", classes="notice warn")
        with self._stopping:
            icon("stop")
            with Tag("div"):
                Tag("p", "Cancel requested", classes="notice-title")
                self._stopping_words = Tag("p", "")
        with Tag("section", classes="panel progress", aria_label="Progress") as self._progress:
            with Tag("div", classes="progress-line"):
                self._percent = Tag("span", "", classes="progress-percent")
                self._words = Tag("span", "", classes="muted")
                Tag("span", classes="grow")
                self._left = Tag("span", "", classes="muted")
            self._bar = Bar("Progress of the training", job.progress_percent)
        self.show(job)

    def show(self, job: TrainingJob) -> None:
        """Show the job as it now is."""
        self._job = job
        active = job.status in ACTIVE
        stopping = active and job.cancel_requested_at is not None
        self._badge.show(job.status, stopping=stopping)
        self._show_actions()
        self._show_cause(job)
        self._stopping.set_visibility(stopping)
        self._stopping_words.say(
            f"{job.cancel_requested_by}: {job.cancel_reason}. The job is cancelled once the backend confirms it."
        )
        self._progress.set_visibility(active)
        self._bar.show(job.progress_percent)
        # Nothing of the training is done yet: what it waits for says more than "0 %".
        self._percent.set_visibility(job.status not in _WAITING)
        self._percent.say(formats.percent(job.progress_percent))
        if job.status not in _WAITING:
            self._words.say(_progress_words(job))
        left = round(job.eta_seconds or 0)
        self._left.say(f"about {formats.seconds(left)} left" if left else "")

    async def show_waiting(self) -> None:
        """Say what the job waits for; to be called after `show`."""
        if self._job.status in _WAITING:
            self._words.say(await self._client.waiting(self._job.id))

    async def show_taints(self) -> None:
        """Say by which revocations the job's model is tainted; to be called after `show`."""
        if self._job.tainted_at is None:
            return
        found = await self._client.revocations(job_id=self._job.id, page_size=_REVOCATIONS, cursor=None)
        self._tainted.set_visibility(True)
        self._tainted_by.clear()
        with self._tainted_by:
            Tag("span", "It learned from rows that were revoked, or comes from a model that did: ")
            for one in found.revocations:
                link(one.id, urls.revocation(one.id), classes="mono")
                Tag("span", " ")
            if found.total > len(found.revocations):
                Tag("span", f"and {found.total - len(found.revocations):,} more. ")
            Tag("span", "Only a version without them, its ancestors included, is clean.")

    def _show_actions(self) -> None:
        actions = frozenset(self._job.allowed_actions)
        if actions == self._shown_actions:
            return
        self._shown_actions = actions
        self._actions.clear()
        with self._actions:
            if Action.CANCEL in actions:
                stop = button("Cancel job", kind="danger", picture="stop")
                stop.when("click", lambda: self._cancel.ask(self._job))
            if Action.FINISH in actions:
                finish = button("Finish now", picture="retry")
                finish.when("click", self._finish)
            if Action.RETRY in actions:
                link("Retry", urls.retry(self._job.id), classes="button primary", picture="retry")
            if self._client.may_create:
                link("Duplicate", urls.job_like(self._job, {}), classes="button", picture="copy")
            audit_link(urls.job_audit(self._job.id))

    async def _finish(self) -> None:
        try:
            await self._client.finish(self._job.id)
        except PipelineError as error:
            say(str(error))
        else:
            say("It is being finalized.")
        await self._refresh()

    def _show_cause(self, job: TrainingJob) -> None:
        cause = job.error_message
        if job.status is JobStatus.CANCELLED and job.cancel_reason:
            cause = f"Cancelled by {job.cancel_requested_by}: {job.cancel_reason}"
        if cause == self._shown_cause:
            return
        self._shown_cause = cause
        self._cause.clear()
        if cause is None:
            return
        first, _, rest = cause.partition("\n")
        failed = job.status is not JobStatus.CANCELLED
        with self._cause, Tag("div", classes="notice bad cause" if failed else "notice cause"):
            icon("alert" if failed else "stop")
            with Tag("div"):
                Tag("h2", first, classes="notice-title")
                if rest:
                    Tag("pre", rest, classes="cause-more")
                if job.advice:
                    with Tag("p", classes="advice"):
                        Tag("span", "What to do: ", classes="strong")
                        Tag("span", job.advice)
                if job.error_details:
                    with Tag("details"):
                        Tag("summary", "Technical details")
                        Tag("pre", json.dumps(job.error_details, indent=2, ensure_ascii=False), classes="json")


def _progress_words(job: TrainingJob) -> str:
    words = []
    if job.current_step is not None and job.planned_steps:
        words.append(f"step {job.current_step:,} of {job.planned_steps:,}")
    if job.current_epoch is not None and job.total_epochs:
        words.append(f"epoch {job.current_epoch:.1f} of {job.total_epochs:g}")
    return " · ".join(words)
