"""New jobs: the dry run of a request, and the job that is stored as `pending`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.datasets.known_versions import KnownVersions
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.sheet_summaries import SheetSummaries
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.errors import FieldProblem, GateRefused, InvalidRequest
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import JobStatus, ResolvedRequest, TrainingData, TrainingJob
from training_pipeline.domain.job_id import new_job_id
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_config import JobRequest, problems_of_names
from training_pipeline.training_jobs.lifecycle.advising import Advisor, Measured
from training_pipeline.training_jobs.lifecycle.ancestors import require_usable
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun, Rehearsed, dry_run, fresh_split_warning, split_of
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.lifecycle.predecessor import chosen_predecessor, followed, last_succeeded
from training_pipeline.training_jobs.store.estimates import ADVICE, ESTIMATE
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore

#: What may not be trained on in a training sheet, by its id, whatever the sheet says.
WithdrawnRows = Callable[[str], Withdrawn]
#: Writes on the connection of the transaction that stores a new job.
Also = Callable[[Connection, TrainingJob], None]

#: Sheets of up to this many pairs are counted by the gates when a job is created; larger ones by its launch run.
COUNTED_AT_ONCE: Final = 100_000


class NewJobs:
    """Plans and creates jobs."""

    def __init__(
        self,
        store: JobStore,
        versions: KnownVersions,
        backend: FineTuningBackend,
        policy: GatePolicy,
        *,
        min_pairs: int,
        withdrawn: WithdrawnRows,
        findings: SheetFindings,
        summaries: SheetSummaries,
        estimator: Estimator,
        clock: Callable[[], datetime],
        keys: HashKeys = NO_KEYS,
        runs: Path | None = None,
    ) -> None:
        """`runs` is the folder with the runs of this installation, where they are on this machine."""
        self._runs = runs
        self._keys = keys
        self._store = store
        self._versions = versions
        self._backend = backend
        self._policy = policy
        self._min_pairs = min_pairs
        self._withdrawn = withdrawn
        self._summaries = summaries
        self._clock = clock
        self._advisor = Advisor(backend, findings)
        self._estimator = estimator

    def plan(self, request: JobRequest, *, retry_of: TrainingJob | None = None) -> DryRun:
        """The dry run of `create` and the launch after it; stores nothing. Raises what they would."""
        predecessor = followed(self._store, chosen_predecessor(self._store, request, retry_of=retry_of))
        withdrawn = self._withdrawn(request.training_sheet_id)
        with self._versions.open(request.training_sheet_id) as opened:
            self._resolved(request, None)  # what cannot be is told before any pair is judged
            with split_of(
                opened,
                self._policy,
                request,
                min_pairs=self._min_pairs,
                predecessor=predecessor,
                withdrawn=withdrawn,
                keys=self._keys,
            ) as found:
                summary = found.taken.summary
                plan = self._resolved(request, summary if summary.total <= COUNTED_AT_ONCE else None)
                rehearsal = found.rehearsal(self._backend, plan)
                measured = self._measured(plan, found, rehearsal)
        report = found.split.report
        # Only now is it known that what was measured is what the digest is of: else closing the sheet has raised.
        self._advisor.remember(measured, opened.digest, plan.base_model, withdrawn)
        facts = self._advisor.facts(plan, measured, train_pairs=report.train, validation_pairs=report.validation)
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

    def estimate(self, request: JobRequest, *, train_pairs: int, validation_pairs: int) -> Estimate:
        """How long a job with so many pairs trains, and what it costs. Opens no sheet.

        Raises `InvalidRequest` for what the backend cannot run.
        """
        plan = self._backend.plan(request.base_model, request.training_config, train_pairs=train_pairs)
        facts = self._advisor.facts(plan, Measured(), train_pairs=train_pairs, validation_pairs=validation_pairs)
        return self._estimator.estimate(facts, request.training_sheet_id)

    def advice(self, request: JobRequest, like: DryRun) -> AdviceRecord:
        """The advice on a job on the pairs of one that was planned. Opens no sheet.

        Raises `InvalidRequest` for what the backend cannot run.
        """
        sides = {"train_pairs": like.split.train, "validation_pairs": like.split.validation}
        plan = self._backend.plan(request.base_model, request.training_config, train_pairs=like.split.train)
        withdrawn = self._withdrawn(request.training_sheet_id)
        measured = self._advisor.remembered(like.sheet_digest, plan.base_model, withdrawn)
        return self._advisor.advise(self._advisor.facts(plan, measured, **sides))

    def create(
        self,
        request: JobRequest,
        *,
        created_by: str,
        retry_of: TrainingJob | None = None,
        also: Also | None = None,
        pinned: BaseModelRecord | None = None,
    ) -> TrainingJob:
        """Store a new job as `pending` with its first event and what `also` writes.

        Its base model is the one that it was when `pinned` was put on record; without one, what it is now.
        Raises `InvalidRequest`, `NotFound` for an unknown training sheet, and `SheetUnreadable`.
        """
        counted = self._summaries.count(request.training_sheet_id, most=COUNTED_AT_ONCE)
        sheet, digest, summary = counted.sheet, counted.digest, counted.summary
        plan = self._resolved(request, summary)
        train_pairs = _train_pairs(request, summary)
        validation_pairs = None if train_pairs is None or summary is None else summary.eligible - train_pairs
        measured = self._advisor.remembered(digest, plan.base_model, self._withdrawn(sheet.id))
        facts = self._advisor.facts(plan, measured, train_pairs=train_pairs, validation_pairs=validation_pairs)
        given = {
            ADVICE: self._advisor.advise(facts).model_dump(mode="json"),
            ESTIMATE: self._estimator.estimate(facts, sheet.id).model_dump(mode="json"),
            MACHINE: facts.model.machine,
        }
        predecessor = chosen_predecessor(self._store, request, retry_of=retry_of)
        revision = None if pinned is None else pinned.revision
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
                base_model_revision=revision or self._backend.revision(plan.base_model),
                base_model_digest=None if pinned is None else pinned.folder_digest,
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

    def _measured(self, plan: Plan, found: Rehearsed, rehearsal: Rehearsal | None) -> Measured:
        """What the texts tell. Where no tokenizer can be asked, characters tell their lengths: not those of a model
        that makes its own tokenizer of them.
        """
        counted = None if rehearsal is None else rehearsal.lengths
        estimate = counted is None and not self._advisor.described(plan).from_scratch
        answers, estimated = found.texts(lengths=estimate)
        return Measured(
            lengths=estimated if estimate else counted,
            lengths_estimated=estimate,
            unknown_tokens=None if rehearsal is None else rehearsal.unknown_tokens,
            answers=answers,
        )

    def _dropped(self, request: JobRequest) -> str | None:
        """The job whose split is not kept, because a fresh one is asked for."""
        if not request.fresh_split:
            return None
        return last_succeeded(self._store, request.training_sheet_id, request.model_name)

    def _resolved(self, request: JobRequest, summary: ExportSummary | None) -> Plan:
        named = problems_of_names(request)
        try:
            plan = self._backend.plan(
                request.base_model, request.training_config, train_pairs=_train_pairs(request, summary)
            )
        except InvalidRequest as error:
            error.problems = (*named, *error.problems)
            raise
        if named:
            hint = "Use another name. A retry keeps the names of its job: create a new job instead."
            raise InvalidRequest("The model could not be registered.", problems=named, hint=hint)
        try:
            require_usable(self._store, plan.base_model, runs=self._runs)
        except GateRefused as error:
            problem = FieldProblem("/base_model", "unfinished", error.message)
            raise InvalidRequest("The base model may not be used.", hint=error.hint, problems=[problem]) from error
        return plan


def _train_pairs(request: JobRequest, summary: ExportSummary | None) -> int | None:
    """How many pairs are trained on, about: the split is made later. None where they were not counted."""
    return None if summary is None else round(summary.eligible * request.train_val_split)
