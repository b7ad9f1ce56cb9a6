"""The verbs of training jobs, whether they are of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from training_pipeline.schemas.log import BYTES
from training_pipeline.schemas.result import LOSSES
from training_pipeline.training_jobs.store.queries import JobSort

if TYPE_CHECKING:
    from training_pipeline.domain.job import JobStatus
    from training_pipeline.domain.pair_change import PairChange
    from training_pipeline.schemas.advice import TrainingJobAdvice
    from training_pipeline.schemas.base_model import BaseModels
    from training_pipeline.schemas.comparison import TrainingJobComparison
    from training_pipeline.schemas.diff import TrainingJobDiff
    from training_pipeline.schemas.estimates import EstimatesSoFar
    from training_pipeline.schemas.event import TrainingJobEvent, TrainingJobEventPage
    from training_pipeline.schemas.lineage import TrainingJobLineage
    from training_pipeline.schemas.log import TrainingJobLog
    from training_pipeline.schemas.metrics import TrainingJobMetrics
    from training_pipeline.schemas.result import TrainingJobResult
    from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics
    from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
    from training_pipeline.schemas.training_sheet import DryRun

Pairs = Literal["train", "validation", "excluded"]


@dataclass(frozen=True, slots=True)
class Created:
    """A new job, or the one that the same request with the same key has created before."""

    job: TrainingJob
    replayed: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the watching itself, such as a lost connection."""

    message: str


#: What comes of following a job: the job as it is now, an event of it, or a word about the following itself.
Update: TypeAlias = "TrainingJob | TrainingJobEvent | Notice"


class Jobs(Protocol):
    """Every method raises `PipelineError`."""

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Created:
        """Create a job. With a key that was used for the same body: the job that it made."""

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """The dry run of `create`; stores nothing."""

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
        """A page of the jobs that pass every filter, newest first unless told otherwise.

        A page is named by its number, or by a cursor, which goes with that order only.
        """

    def active(self, *, page_size: int | None = None, cursor: str | None = None) -> ActiveTrainingJobs:
        """List all pending, queued or running jobs, newest first; a page of them where a size or a cursor is given."""

    def get(self, job_id: str) -> TrainingJob:
        """One job."""

    def poll(self, job_id: str) -> TrainingJob:
        """Ask the backend now; the job as it then is."""

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """Cancel a job, or ask its backend to. Idempotent."""

    def annotate(
        self,
        job_id: str,
        *,
        note: str | None = None,
        tags: Collection[str] | None = None,
        add_tags: Collection[str] | None = None,
        remove_tags: Collection[str] | None = None,
    ) -> TrainingJob:
        """Replace the note or the tags of a job, or add and remove some tags; what is null stays. Idempotent."""

    def finish(self, job_id: str) -> TrainingJob:
        """Have a trained job finished now, whose registration had bad luck. Idempotent."""

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Created:
        """A new job like one that did not succeed, with `changes` to its training_config."""

    def events(
        self, job_id: str, *, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> TrainingJobEventPage:
        """A page of a job's events, newest first."""

    def metrics(
        self,
        job_id: str,
        *,
        from_step: int | None = None,
        to_step: int | None = None,
        resolution: int = 500,
        smoothing: float = 0.0,
    ) -> TrainingJobMetrics:
        """The latest metrics of a job, and its series: as measured, or smoothed by this weight of what was before."""

    def system_metrics(self, job_id: str, *, resolution: int = 500) -> TrainingJobSystemMetrics:
        """What processors, memory, GPU and disk did while the job trained, or why that was not measured."""

    def log(self, job_id: str, *, offset: int | None = None, limit: int = BYTES) -> TrainingJobLog:
        """A part of what the trainer has printed: whole lines from `offset` on, or the last ones."""

    def result(self, job_id: str, *, limit: int = LOSSES) -> TrainingJobResult:
        """What a training came to, pair by pair, with the `limit` validation pairs of the highest loss."""

    def lineage(
        self,
        job_id: str,
        *,
        pairs: Pairs | None = None,
        search: str | None = None,
        page_size: int = 1000,
        cursor: str | None = None,
    ) -> TrainingJobLineage:
        """What the job was trained on, with a page of its pairs."""

    def advice(self, job_id: str) -> TrainingJobAdvice:
        """What was advised when the job was created, and what its figures say."""

    def estimates(self) -> EstimatesSoFar:
        """How good estimates of training time have been."""

    def diff(
        self,
        first_id: str,
        second_id: str,
        *,
        changes: Collection[PairChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingJobDiff:
        """What differs between two jobs, with a page of the pairs that changed in one of these ways, or in any."""

    def compare(self, job_ids: Sequence[str]) -> TrainingJobComparison:
        """Two to eight jobs side by side: what differs, what came of them, and whether their losses may be compared."""

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """The events with an id above `after`, and the job whenever it changed, to its end: that comes, too."""

    def base_models(self) -> BaseModels:
        """The base models that can be fine-tuned, the default first."""
