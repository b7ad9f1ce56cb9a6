"""The operations on training jobs: all code that creates, cancels or retries a job uses this service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.plan import Plan
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import Conflict, InvalidRequest
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.job import ACTIVE, TERMINAL, JobStatus, ResolvedRequest, TrainingData, TrainingJob
from training_pipeline.domain.job_id import new_job_id
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.infra.database import Database
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.advising import Advisor, Measured
from training_pipeline.training_jobs.lifecycle.annotate import annotate
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun, dry_run, fresh_split_warning, split_of
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.lifecycle.predecessor import chosen_predecessor, followed, last_succeeded
from training_pipeline.training_jobs.polling.poll_once import poll_once
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import EventType, JobStore

#: What may not be trained on in a training sheet, by its id, whatever the sheet says.
WithdrawnRows = Callable[[str], Withdrawn]
#: Writes on the connection of the transaction that stores a new job.
Also = Callable[[Connection, TrainingJob], None]

#: Where the first event of a job holds the advice and the estimate that were given when it was created.
ADVICE: Final = "advice"
ESTIMATE: Final = "estimate"
#: Sheets of up to this many pairs are counted by the gates when a job is created; larger ones by its launch run.
COUNTED_AT_ONCE: Final = 100_000


class JobService:
    """Creates, reads, cancels, retries and polls training jobs."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        backend: FineTuningBackend,
        poller: Poller,
        policy: GatePolicy,
        *,
        database: Database,
        min_pairs: int,
        withdrawn: WithdrawnRows,
        estimator: Estimator | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._source = source
        self._backend = backend
        self._poller = poller
        self._policy = policy
        self._database = database
        self._min_pairs = min_pairs
        self._withdrawn = withdrawn
        self._clock = clock
        self._advisor = Advisor(backend)
        self._estimator = estimator or Estimator(store)

    def create(
        self, request: JobRequest | Mapping[str, Any], *, created_by: str, also: Also | None = None
    ) -> TrainingJob:
        """Validate everything at once, resolve every "auto", store the job as `pending` with its event.

        What `also` writes is stored together with the job. Raises `InvalidRequest` with every problem, `NotFound` for
        an unknown training sheet and `SheetUnreadable`.
        """
        return self._create(_validated(request), created_by=created_by, also=also)

    def plan(self, request: JobRequest | Mapping[str, Any]) -> DryRun:
        """The dry run of `create` and the launch after it; stores nothing.

        Raises what they would: also `GateRefused` and `SplitRefused`.
        """
        return self._plan(_validated(request))

    def get(self, job_id: str) -> TrainingJob:
        """One job; raises `NotFound`."""
        return self._store.get(job_id)

    def list(self, **filters: Any) -> tuple[list[TrainingJob], int]:
        """A page of jobs, newest first, and the total; the filters of `JobStore.list`."""
        return self._store.list(**filters)

    def cancel(self, job_id: str, *, actor: str, reason: str) -> TrainingJob:
        """Cancel a job that was not submitted yet; ask the backend to stop one that was.

        Idempotent. Raises `Conflict` for a job that is over otherwise.
        """
        job = self._store.get(job_id)
        if job.status is JobStatus.CANCELLED:
            return job
        if job.is_trained and job.finalize.claimed_at is None:
            # Nothing is left to stop. A finalize run claims the job under the same condition, so only one happens.
            now = self._clock()
            kept = f"Cancelled before its model was registered: {reason}. The model stays where it was trained."
            asked = {"cancel_requested_at": now, "cancel_requested_by": actor, "cancel_reason": reason}
            over = {**asked, "finalized_at": now, "error_message": None, "error_details": None}
            held = {"finalize_claimed_at": None, "finalize_attempt": job.finalize.attempt}
            done = self._store.change(job, JobStatus.CANCELLED, message=kept, actor=actor, values=over, where=held)
            return done or self.cancel(job_id, actor=actor, reason=reason)
        if job.status in TERMINAL:
            raise Conflict(f"Training job {job_id} has ended ({job.status}) and cannot be cancelled.")
        asked = {
            "cancel_requested_at": self._clock(),
            "cancel_requested_by": actor,
            "cancel_reason": reason,
        }
        if job.status is JobStatus.PENDING:
            # The launch run sets `submit_intended_at` under the same condition, so only one of the two happens.
            done = self._store.change(
                job,
                JobStatus.CANCELLED,
                message=f"Cancelled before it was submitted: {reason}",
                actor=actor,
                values=asked,
                where={"submit_intended_at": None},
            )
            if done is not None:
                return done
        if job.cancellation.requested_at is None:
            seen = {"status": job.status, "cancel_requested_at": None}
            event = (EventType.INFO, f"Cancel requested: {reason}")
            if self._store.update(job_id, asked, where=seen, event=event, actor=actor) is None:
                return self.cancel(job_id, actor=actor, reason=reason)  # it has gone on, or somebody else has asked
        job = self._poller.poll(job_id)
        return self.cancel(job_id, actor=actor, reason=reason) if job.status in TERMINAL else job

    def annotate(
        self, job_id: str, *, actor: str, note: str | None = None, tags: Sequence[str] | None = None
    ) -> TrainingJob:
        """Replace a job's note or tags, whatever its status, with an event that has both as they were and are.

        What is null stays. Idempotent. Raises `InvalidRequest` and `NotFound`.
        """
        return annotate(self._store, job_id, actor=actor, note=note, tags=tags)

    def finish(self, job_id: str, *, actor: str) -> TrainingJob:
        """Have a trained job finished now instead of after its pause: metrics, registration, lineage. Idempotent.

        Raises `Conflict` for a job that is not trained yet, or has ended without success.
        """
        job = self._store.get(job_id)
        if job.status is JobStatus.SUCCEEDED:
            return job
        if not job.is_trained:
            ended = job.status in TERMINAL
            raise Conflict(
                f"Training job {job_id} " + (f"has ended ({job.status})" if ended else "is not trained yet") + " and "
                "cannot be finished.",
                hint="Retry it to train again." if ended else "It is finished by itself once it is trained.",
            )
        waiting = {"finalize_claimed_at": None, "finalize_attempt": job.finalize.attempt, "status": job.status}
        event = (EventType.INFO, "Asked to finish now.")
        asked = self._store.update(job_id, {"finalize_after": None}, where=waiting, event=event, actor=actor)
        return asked or self._store.get(job_id)  # it is being finished just now

    def retry(
        self, job_id: str, *, actor: str, changes: Mapping[str, Any] | None = None, also: Also | None = None
    ) -> TrainingJob:
        """A new job like one that failed, was cancelled or timed out, with `changes` to its training_config.

        Raises `Conflict` for a job in any other status and `InvalidRequest` for changes that cannot be.
        """
        job = self._store.get(job_id)
        return self._create(_retried(job, changes), created_by=actor, retry_of=job, also=also)

    def plan_retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None) -> DryRun:
        """The dry run of `retry` and the launch after it; stores nothing. Raises what they would."""
        job = self._store.get(job_id)
        return self._plan(_retried(job, changes), retry_of=job)

    def poll(self, job_id: str) -> TrainingJob:
        """Ask the backend now, once for all who ask at this moment; see `poll_once`."""
        return poll_once(self._store, self._database, self._poller, job_id)

    def _plan(self, request: JobRequest, *, retry_of: TrainingJob | None = None) -> DryRun:
        predecessor = followed(self._store, chosen_predecessor(self._store, request, retry_of=retry_of))
        with self._source.open(request.training_sheet_id) as opened:
            self._resolved(request, None)  # what cannot be is told before any pair is judged
            with split_of(
                opened,
                self._policy,
                request,
                min_pairs=self._min_pairs,
                predecessor=predecessor,
                withdrawn=self._withdrawn(opened.sheet.id),
            ) as found:
                summary = found.taken.summary
                plan = self._resolved(request, summary if summary.total <= COUNTED_AT_ONCE else None)
                rehearsal = found.rehearsal(self._backend, plan)
                answers = found.answers()
            report = found.split.report
            self._advisor.remember(
                opened.digest,
                plan.base_model,
                Measured(
                    lengths=rehearsal.lengths if rehearsal else None,
                    unknown_tokens=rehearsal.unknown_tokens if rehearsal else None,
                    answers=answers,
                ),
            )
            facts = self._advisor.facts(
                plan, sheet_digest=opened.digest, train_pairs=report.train, validation_pairs=report.validation
            )
            return dry_run(
                opened,
                summary,
                report,
                plan,
                advice=self._advisor.advise(facts),
                estimate=self._estimator.estimate(facts, opened.sheet.id),
                rehearsal=rehearsal,
                fresh=self._dropped(request),
            )

    def _dropped(self, request: JobRequest) -> str | None:
        """The job whose split is not kept, because a fresh one is asked for."""
        if not request.fresh_split:
            return None
        return last_succeeded(self._store, request.training_sheet_id, request.model_name)

    def _create(
        self,
        request: JobRequest,
        *,
        created_by: str,
        retry_of: TrainingJob | None = None,
        also: Also | None = None,
    ) -> TrainingJob:
        with self._source.open(request.training_sheet_id) as opened:
            sheet, digest, summary = opened.sheet, opened.digest, self._counted(opened)
        plan = self._resolved(request, summary)
        train_pairs = _train_pairs(request, summary)
        validation_pairs = None if train_pairs is None or summary is None else summary.eligible - train_pairs
        facts = self._advisor.facts(
            plan, sheet_digest=digest, train_pairs=train_pairs, validation_pairs=validation_pairs
        )
        given = {
            ADVICE: self._advisor.advise(facts).model_dump(mode="json"),
            ESTIMATE: self._estimator.estimate(facts, sheet.id).model_dump(mode="json"),
            MACHINE: facts.model.machine,
        }
        predecessor = chosen_predecessor(self._store, request, retry_of=retry_of)
        now = self._clock()
        job = TrainingJob(
            id=new_job_id(now),
            status=JobStatus.PENDING,
            backend=self._backend.name,
            created_by=created_by,
            retry_of=None if retry_of is None else retry_of.id,
            attempt=1 if retry_of is None else retry_of.attempt + 1,
            created_at=now,
            updated_at=now,
            note=request.note,
            tags=tuple(request.tags),
            request=ResolvedRequest(
                training_sheet_id=sheet.id,
                training_sheet_name=sheet.name,
                model_name=request.model_name,
                base_model=plan.base_model,
                base_model_revision=self._backend.revision(plan.base_model),
                requested_config=request.training_config.model_dump(exclude_unset=True),
                training_config=plan.config.model_dump(),
                train_val_split=request.train_val_split,
                split_seed=request.split_seed or sheet.id,
                split_predecessor=predecessor,
                fresh_split=request.fresh_split,
                register_to_uc=request.register_to_uc,
                uc_catalog=request.uc_catalog or plan.uc_catalog,
                uc_schema=request.uc_schema or plan.uc_schema,
            ),
            data=TrainingData()
            if summary is None
            else TrainingData(
                total_pairs=summary.total,
                eligible_pairs=summary.eligible,
                excluded_counts={str(reason): count for reason, count in summary.excluded.items()},
            ),
        )
        message = "Created." if retry_of is None else f"Created as a retry of {retry_of.id}."
        if predecessor is not None:
            message += f" It keeps the split of {predecessor}."
        elif dropped := self._dropped(request):
            message += f" {fresh_split_warning(dropped)}"
        return self._store.create(job, message=message, data=given, also=also)

    def _counted(self, opened: OpenSheet) -> ExportSummary | None:
        with opened.engine.fetch(opened.pairs.aggregate(pairs=opened.pairs.count())) as counted:
            small = counted.to_pyarrow()["pairs"][0].as_py() <= COUNTED_AT_ONCE
        if not small:
            return None
        return export_summary(opened, self._policy, withdrawn=self._withdrawn(opened.sheet.id))

    def _resolved(self, request: JobRequest, summary: ExportSummary | None) -> Plan:
        return self._backend.plan(
            request.base_model, request.training_config, train_pairs=_train_pairs(request, summary)
        )


def _train_pairs(request: JobRequest, summary: ExportSummary | None) -> int | None:
    """How many pairs are trained on, about: the split is made later. None where they were not counted."""
    return None if summary is None else round(summary.eligible * request.train_val_split)


def _refused(found: ValidationError) -> InvalidRequest:
    """What is wrong with a request for a job, all at once. Pure."""
    hint = ""
    if any(item["type"] == "extra_forbidden" for item in found.errors()):
        hint = f"Known keys of training_config: {', '.join(TrainingConfig.model_fields)}."
    problems = problems_from_validation(list(found.errors()))
    return InvalidRequest("The training job cannot be created.", problems=problems, hint=hint)


def _retried(job: TrainingJob, changes: Mapping[str, Any] | None) -> JobRequest:
    """What is asked for when `job` is retried."""
    if job.status in ACTIVE:
        raise Conflict(f"Training job {job.id} is {job.status}.", hint="Cancel it first, or wait until it ends.")
    if job.status is JobStatus.SUCCEEDED:
        raise Conflict(f"Training job {job.id} has succeeded and cannot be retried.", hint="Create a new job.")
    return _validated(
        {
            "training_sheet_id": job.request.training_sheet_id,
            "model_name": job.request.model_name,
            "base_model": job.request.base_model,
            "training_config": {**job.request.requested_config, **(changes or {})},
            "train_val_split": job.request.train_val_split,
            "split_seed": job.request.split_seed,
            "split_predecessor": job.request.split_predecessor,
            "fresh_split": job.request.fresh_split,
            "register_to_uc": job.request.register_to_uc,
            "uc_catalog": job.request.uc_catalog,
            "uc_schema": job.request.uc_schema,
            "tags": list(job.tags),
        }
    )


def _validated(request: JobRequest | Mapping[str, Any]) -> JobRequest:
    if isinstance(request, JobRequest):
        return request
    try:
        return JobRequest.model_validate(request)
    except ValidationError as error:
        raise _refused(error) from None
