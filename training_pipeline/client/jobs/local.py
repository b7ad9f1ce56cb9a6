"""The verbs of training jobs on this installation."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from training_pipeline.client.heavy import heavy
from training_pipeline.client.jobs.base import Notice
from training_pipeline.client.jobs.changing import LocalJobChanges
from training_pipeline.client.jobs.pages import active_page, event_page, job_page, lineage_page
from training_pipeline.client.roles import needs
from training_pipeline.domain.access import Role
from training_pipeline.domain.job import TERMINAL
from training_pipeline.domain.smoothing import MOST_SMOOTHING
from training_pipeline.schemas import paging
from training_pipeline.schemas.log import BYTES
from training_pipeline.schemas.result import LOSSES
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP, best_losses, metric_series
from training_pipeline.training_jobs.store.queries import JobSort

if TYPE_CHECKING:
    from training_pipeline.client.jobs.base import Pairs, Update
    from training_pipeline.domain.job import JobStatus
    from training_pipeline.domain.job import TrainingJob as StoredJob
    from training_pipeline.domain.pair_change import PairChange
    from training_pipeline.schemas.advice import TrainingJobAdvice
    from training_pipeline.schemas.base_model import BaseModels
    from training_pipeline.schemas.comparison import TrainingJobComparison
    from training_pipeline.schemas.diff import TrainingJobDiff
    from training_pipeline.schemas.estimates import EstimatesSoFar
    from training_pipeline.schemas.event import TrainingJobEventPage
    from training_pipeline.schemas.lineage import TrainingJobLineage
    from training_pipeline.schemas.log import TrainingJobLog
    from training_pipeline.schemas.metrics import TrainingJobMetrics
    from training_pipeline.schemas.result import TrainingJobResult
    from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics
    from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
    from training_pipeline.training_jobs.store.facets import Facets

#: A job that is followed is read this often.
FOLLOW_SECONDS: Final = 1.0


class LocalJobs(LocalJobChanges):
    """`Jobs` over the services of one installation."""

    @needs(Role.VIEWER)
    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        search: str | None = None,
        tainted: bool = False,
        tags: Collection[str] = (),
        sort: JobSort = JobSort.CREATED_AT,
        descending: bool = True,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """See `Client`."""
        return job_page(
            self._services.store,
            self.shown,
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
            search=search,
            tainted=tainted,
            tags=tags,
            sort=sort,
            descending=descending,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def active(self, *, page_size: int | None = None, cursor: str | None = None) -> ActiveTrainingJobs:
        """See `Client`."""
        return active_page(self._services.store, self.shown, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def get(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self.shown(self._services.store.get(job_id))

    @needs(Role.VIEWER)
    def events(
        self, job_id: str, *, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> TrainingJobEventPage:
        """See `Client`."""
        return event_page(self._services.store, job_id, page=page, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def metrics(
        self,
        job_id: str,
        *,
        from_step: int | None = None,
        to_step: int | None = None,
        resolution: int = 500,
        smoothing: float = 0.0,
    ) -> TrainingJobMetrics:
        """See `Client`."""
        from training_pipeline.schemas.metrics import TrainingJobMetrics

        first = FIRST_STEP if from_step is None else from_step
        last = LAST_STEP if to_step is None else to_step
        if last < first:
            raise paging.invalid("to_step", "no_stretch", "must not be less than from_step")
        job = self._services.store.get(job_id)
        if not 0 <= smoothing <= MOST_SMOOTHING:
            raise paging.invalid("smoothing", "out_of_bounds", f"must be 0 to {MOST_SMOOTHING}")
        store = self._services.store
        series = metric_series(store, job_id, from_step=first, to_step=last, resolution=resolution, smoothing=smoothing)
        return TrainingJobMetrics.of(job, series, smoothing=smoothing)

    @needs(Role.VIEWER)
    def system_metrics(self, job_id: str, *, resolution: int = 500) -> TrainingJobSystemMetrics:
        """See `Client`."""
        from training_pipeline.client.jobs.system_metrics import system_metrics

        return system_metrics(self._services, job_id, resolution=resolution)

    @needs(Role.VIEWER)
    def log(self, job_id: str, *, offset: int | None = None, limit: int = BYTES) -> TrainingJobLog:
        """See `Client`."""
        from training_pipeline.client.jobs.log import log_part

        return log_part(self._services, job_id, offset, limit=limit)

    @needs(Role.VIEWER)
    def result(self, job_id: str, *, limit: int = LOSSES) -> TrainingJobResult:
        """See `Client`. Texts are for operators and stewards."""
        from training_pipeline.client.jobs.result import job_result

        return job_result(self._services, job_id, texts=self.caller.may_see_text, limit=limit)

    @needs(Role.VIEWER)
    def lineage(
        self,
        job_id: str,
        *,
        pairs: Pairs | None = None,
        search: str | None = None,
        page_size: int = 1000,
        cursor: str | None = None,
    ) -> TrainingJobLineage:
        """See `Client`."""
        return lineage_page(
            self._services.store, job_id, pairs=pairs, search=search, page_size=page_size, cursor=cursor
        )

    @needs(Role.VIEWER)
    def advice(self, job_id: str) -> TrainingJobAdvice:
        """See `Client`."""
        from training_pipeline.client.jobs.advice import job_advice
        from training_pipeline.training_jobs.lifecycle.estimating import usable_prices

        return job_advice(self._services.store, job_id, usable_prices(self._services.settings.price_file))

    @needs(Role.VIEWER)
    def estimates(self) -> EstimatesSoFar:
        """See `Client`."""
        from training_pipeline.schemas.estimates import EstimatesSoFar
        from training_pipeline.training_jobs.lifecycle.estimating import usable_prices
        from training_pipeline.training_jobs.store.estimates import estimates

        return EstimatesSoFar.of(estimates(self._services.store), usable_prices(self._services.settings.price_file))

    @needs(Role.VIEWER)
    @heavy
    def diff(
        self,
        first_id: str,
        second_id: str,
        *,
        changes: Collection[PairChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingJobDiff:
        """See `Client`."""
        from training_pipeline.client.jobs.diff import diff_page

        return diff_page(
            self._services.store,
            first_id,
            second_id,
            changes=changes,
            page_size=page_size,
            cursor=cursor,
            keys=self._services.keys,
        )

    @needs(Role.VIEWER)
    def compare(self, job_ids: Sequence[str]) -> TrainingJobComparison:
        """See `Client`."""
        from training_pipeline.client.jobs.compare import job_comparison

        return job_comparison(self._services.store, job_ids, self._services.keys)

    @needs(Role.VIEWER)
    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `Client`. Without a running daemon, `drive` runs the job if it is given."""
        from training_pipeline.app.readiness import daemon_runs

        drive = None if self._drive is None or daemon_runs(self._services) else self._drive
        if drive is not None and self.get(job_id).status not in TERMINAL:
            yield Notice(
                "Dagster's daemon is not running, so this command runs the job itself. If you stop it, "
                "the job continues with the next `training-pipeline up`."
            )
        seen: set[int] = set()
        last: TrainingJob | None = None
        for stored in (drive or self._read)(job_id):
            job = self.shown(stored)
            # Newest first, and from where they are known: an event may be stored after one with a higher id.
            fresh = [event for event in self.events(job_id).events if event.id > after and event.id not in seen]
            yield from reversed(fresh)
            seen.update(event.id for event in fresh)
            if last is None or job != last:
                yield job
            last = job

    @needs(Role.VIEWER)
    def base_models(self) -> BaseModels:
        """See `Client`."""
        from training_pipeline.schemas.base_model import BaseModelOffer, BaseModels

        offers = [BaseModelOffer.model_validate(offer) for offer in self._services.backend.base_models()]
        offers.sort(key=lambda offer: not offer.default)
        return BaseModels(models=offers, total=len(offers))

    @needs(Role.VIEWER)
    def facets(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        search: str | None = None,
        tags: Collection[str] = (),
    ) -> Facets:
        """The values that jobs may be filtered by beside these filters; the REST API does not offer this."""
        from training_pipeline.training_jobs.store.facets import facets

        return facets(
            self._services.store,
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
            search=search,
            tags=tags,
        )

    @needs(Role.VIEWER)
    def best_losses(self, job_ids: Collection[str]) -> dict[str, float]:
        """The lowest validation loss of each job that has any; the REST API has the series instead."""
        return best_losses(self._services.store, job_ids)

    @needs(Role.VIEWER)
    def waiting(self, job_id: str) -> str:
        """What a job that has not begun waits for, in words; "" for any other. The REST API does not offer this."""
        from training_pipeline.app.waiting import waiting

        return waiting(self._services, self._services.store.get(job_id))

    def _read(self, job_id: str) -> Iterator[StoredJob]:
        while True:
            job = self._services.store.get(job_id)
            yield job
            if job.status in TERMINAL:
                return
            time.sleep(FOLLOW_SECONDS)
