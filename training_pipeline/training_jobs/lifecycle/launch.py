"""From a claimed job to a run at the backend, step by step; each step may be repeated after a crash.

What was submitted is what the lineage says: once the backend has the job, a new attempt takes up the stored snapshot
and dataset instead of making them again from a sheet that may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.early_start import StartsEarly
from training_pipeline.datasets.compare import recheck
from training_pipeline.datasets.labels import labels_of
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.verdicts import named_examples
from training_pipeline.datasets.verify import Finding, gate_failures, held_out_in_train, torn_ties
from training_pipeline.domain.errors import BaseModelChanged, Conflict, NotFound, SheetChanged
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import ACTIVE, JobStatus, Phase, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef, required
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource
from training_pipeline.sheets.one_reading import OneReading
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.lifecycle import claims
from training_pipeline.training_jobs.lifecycle.ancestors import with_ancestors
from training_pipeline.training_jobs.lifecycle.launch_lineage import launch_lineage
from training_pipeline.training_jobs.lifecycle.mlflow_run import with_run
from training_pipeline.training_jobs.lifecycle.predecessor import followed
from training_pipeline.training_jobs.lifecycle.submit import accepted, submission
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.training_jobs.store.jobs import JobStore

#: Records the examples of rows that people revoked: of a training sheet, the rows of `named_examples`.
Shown = Callable[[str, Sequence[Mapping[str, str | None]]], None]


class UseIndex(Protocol):
    """Which rows stand in which dataset, to be found for ever."""

    def prepare(self, training_sheet_id: str, dataset: DatasetRef) -> Callable[[Connection], None]:
        """Index a dataset; what is returned makes it count, in the transaction that stores the dataset in a job."""


class Launcher:
    """The steps of `launch_training`, free of Dagster."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        backend: FineTuningBackend,
        tracking: RunTracking,
        policy: GatePolicy,
        uses: UseIndex,
        *,
        snapshots: Path,
        datasets: Path,
        min_pairs: int,
        withdrawn: Callable[[str], Withdrawn],
        shown: Shown = lambda *_: None,
        keys: HashKeyStore | None = None,
    ) -> None:
        self._store = store
        #: What the steps up to the dataset read, and what says once more, before the submit, that it holds.
        self._source = self._asked_again = source
        self._backend = backend
        self._tracking = tracking
        self._policy = policy
        self._uses = uses
        self._snapshots = snapshots
        self._datasets = datasets
        self.min_pairs = min_pairs
        self._withdrawn = withdrawn
        self._shown = shown
        self._made = None if keys is None else keys.made
        self._keys: HashKeys = keys or NO_KEYS
        self._let_go: Callable[[], None] = lambda: None

    @contextmanager
    def reading_once(self) -> Iterator[Launcher]:
        """This launcher for the steps of one run, all of which read the sheet once but `unchanged`, which reads it
        anew. The sheet stays open until then.
        """
        ours = copy(self)
        ours._source = once = OneReading(self._source)
        ours._let_go = once.close
        try:
            yield ours
        finally:
            once.close()

    def begin(self, job_id: str, attempt: int, *, run_id: str) -> TrainingJob:
        """The job, if this attempt may work on it; names the Dagster run in it. Raises `Conflict` otherwise."""
        job = self._store.get(job_id)
        if job.status not in ACTIVE or job.launch.done_at is not None:
            hint = "Retry it to train again." if job.status not in ACTIVE else ""
            raise Conflict(f"Training job {job_id} is {job.status} and cannot be launched again.", hint=hint)
        return claims.begin(self._store, Phase.LAUNCH, job, attempt, run_id=run_id)

    def read_sheet(self, job: TrainingJob) -> SheetRef:
        """The training sheet as it is now, noted in the job. Idempotent until the job is submitted."""
        if job.data.sheet is not None and self._submitted(job):
            return required(job.data.sheet, "training sheet")
        self.start_early(job)
        with self._source.open(job.request.training_sheet_id) as opened:
            found = SheetRef(sheet=opened.sheet, digest=opened.digest, labels=labels_of(opened))
        self._note(job, {"sheet": found.model_dump(mode="json")})
        return found

    def start_early(self, job: TrainingJob) -> None:
        """Start what need not know the data, where the backend can, for `submit` to take up. Never raises."""
        if isinstance(self._backend, StartsEarly):
            self._backend.start_early(job.id, job.attempt, base_model=job.request.base_model)

    def judge(self, job: TrainingJob, sheet: SheetRef) -> SnapshotRef:
        """Apply the gates to every pair, leave out what was revoked, store the verdicts, and note the counts.

        Idempotent as long as nothing else is revoked.

        Raises `SheetChanged` where the sheet is not the one that was read: the next attempt reads it again.
        """
        if job.data.snapshot is not None and self._submitted(job):
            return required(job.data.snapshot, "snapshot")
        with self._source.open(job.request.training_sheet_id) as opened:
            _require_same(opened, sheet.digest)
            withdrawn = self._withdrawn(job.request.training_sheet_id)
            key = None if self._made is None else self._made(job.request.training_sheet_id)
            # Once a pair is gone from the sheet, its copies are known by this. Under the key: it must be there before.
            if named := named_examples(opened, withdrawn):
                self._shown(job.request.training_sheet_id, named)
            taken = snapshot(opened, self._policy, directory=self._snapshots, withdrawn=withdrawn, key=key)
        summary = taken.summary
        self._note(
            job,
            {
                "snapshot": taken.model_dump(mode="json"),
                "total_pairs": summary.total,
                "eligible_pairs": summary.eligible,
                "excluded_counts": {str(reason): count for reason, count in summary.excluded.items()},
            },
            event=(EventType.INFO, f"{summary.eligible} of {summary.total} pairs may be trained on."),
            data={"excluded": {str(reason): count for reason, count in summary.excluded.items()}},
        )
        return taken

    def gate_failures(self, job: TrainingJob, taken: SnapshotRef) -> Finding | None:
        """Included pairs that fail a gate by the source's own words; None once the job is submitted. Reads only."""
        if self._submitted(job):
            return None
        with self._source.open(job.request.training_sheet_id) as opened:
            _require_same(opened, taken.sheet_digest)
            return gate_failures(opened, taken)

    def held_out_in_train(self, job: TrainingJob, taken: SnapshotRef) -> Finding | None:
        """Included pairs that ask a held-out question; None once the job is submitted. Reads only."""
        if self._submitted(job):
            return None
        with self._source.open(job.request.training_sheet_id) as opened:
            _require_same(opened, taken.sheet_digest)
            return held_out_in_train(opened, taken, self._keys)

    def torn_ties(self, taken: SnapshotRef, dataset: DatasetRef) -> Finding:
        """What stands on both sides of the split and may not. Reads only."""
        return torn_ties(taken, dataset)

    def split(self, job: TrainingJob, taken: SnapshotRef) -> DatasetRef:
        """Split the included pairs and store the dataset under its digest, indexed by its rows. Idempotent.

        Raises `GateRefused` or `SplitRefused` with the reason, `SheetChanged` if the source changed meanwhile.
        """
        if job.data.dataset is not None and self._submitted(job):
            return required(job.data.dataset, "dataset")
        predecessor = followed(self._store, job.request.split_predecessor)
        with self._source.open(job.request.training_sheet_id) as opened:
            plan = split_snapshot(
                opened,
                taken,
                ratio=job.request.train_val_split,
                seed=job.request.split_seed,
                min_pairs=self.min_pairs,
                predecessor=predecessor,
                keys=self._keys,
            )
            dataset = write_dataset(opened, taken, plan, root=self._datasets, keys=self._keys)
        report = dataset.report
        self._note(
            job,
            {
                "dataset": dataset.model_dump(mode="json"),
                "dataset_digest": dataset.digest,
                "train_pairs": report.train,
                "val_pairs": report.validation,
                "achieved_ratio": report.achieved_ratio,
            },
            event=(EventType.INFO, report.to_text()),
            data=report.model_dump(mode="json"),
            also=self._uses.prepare(job.request.training_sheet_id, dataset),
        )
        return dataset

    def unchanged(self, job: TrainingJob, dataset: DatasetRef) -> None:
        """Ask the source once more about the included pairs; raises `GovernanceChanged` with counts. Reads only."""
        if self._submitted(job):
            return
        self._let_go()
        with self._asked_again.open(job.request.training_sheet_id) as opened:
            recheck(opened, dataset, self._policy, keys=self._keys).require_unchanged(job.request.training_sheet_id)

    def record_lineage(self, job: TrainingJob, sheet: SheetRef, taken: SnapshotRef, dataset: DatasetRef) -> None:
        """Write the lineage record, before the backend is called. Idempotent."""
        lineage.write(self._store, launch_lineage(job, sheet, taken, dataset, self._base_model(job)))

    def _base_model(self, job: TrainingJob) -> BaseModelRecord | None:
        """What the base model is; once the job is submitted, what the record says that it was.

        Raises `GateRefused` for a model of ours whose pairs lost their permission, `BaseModelChanged` for one that is
        not what it has to be.
        """
        if self._submitted(job):
            with suppress(NotFound):
                return lineage.read(self._store, job.id).base_model
        found = self._backend.identify(job.request.base_model, job.request.base_model_revision)
        if job.request.base_model_digest not in {None, found.folder_digest}:
            raise BaseModelChanged(
                f"The files of the base model {found.reference} are not those that it had when the study of this job "
                "was created.",
                hint="Restore them, or create another study.",
            )
        return with_ancestors(self._store, found, job_id=job.id)

    def submit(self, job: TrainingJob, dataset: DatasetRef) -> TrainingJob:
        """Hand the dataset to the backend, or take up the run that an earlier attempt submitted. Idempotent.

        The intention is stored first, so that a crash in between leads to reattaching. MLflow comes last: the training
        does not wait for it. Raises `Conflict` if the job was cancelled meanwhile.
        """
        intended = self._store.update(
            job.id,
            {"submit_intended_at": job.handles.submit_intended_at or datetime.now(UTC)},
            where={"status": JobStatus.PENDING, "launch_attempt": job.launch.attempt, "cancel_requested_at": None},
        )
        if intended is None and not self._submitted(job):
            self._cancelled_or_superseded(job)
        if self._submitted(job):
            self._store.record(job.id, EventType.INFO, "Reattached to the run submitted by an earlier attempt.")
        base_model = lineage.read(self._store, job.id).base_model
        handle = self._backend.submit(submission(job, dataset, base_model))
        return with_run(self._store, self._tracking, accepted(self._store, self._store.get(job.id), handle))

    def _cancelled_or_superseded(self, job: TrainingJob) -> NoReturn:
        """Confirm a cancel that was asked for after an earlier attempt had meant to submit; raises `Conflict`."""
        now = self._store.get(job.id)
        if now.status is JobStatus.PENDING and now.cancellation.requested_at is not None:
            held = {"launch_attempt": job.launch.attempt, "cancel_requested_at": now.cancellation.requested_at}
            self._store.change(now, JobStatus.CANCELLED, message="Cancelled before it was submitted.", where=held)
        raise Conflict(f"Training job {job.id} was cancelled, or taken over by another run, before it was submitted.")

    def _note(
        self,
        job: TrainingJob,
        values: Mapping[str, Any],
        *,
        event: tuple[EventType, str] | None = None,
        data: Mapping[str, Any] | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Set columns of the job while this attempt has it; raises `Conflict` where another one has taken over."""
        held = {"launch_attempt": job.launch.attempt, "launch_claimed_at": job.launch.claimed_at}
        if self._store.update(job.id, values, where=held, event=event, data=data, also=also) is None:
            raise claims.superseded(Phase.LAUNCH, job.id, job.launch.attempt)

    def launched(self, job_id: str) -> None:
        """Close the launch: its assets are materialized. Idempotent."""
        self._store.update(job_id, {"launched_at": datetime.now(UTC)}, where={"launched_at": None})

    def _submitted(self, job: TrainingJob) -> bool:
        return job.handles.submit_intended_at is not None and self._backend.find(job.id, job.attempt) is not None


def _require_same(opened: OpenSheet, digest: str) -> None:
    """Raise `SheetChanged` unless the sheet is the one that the launch has read: the next attempt reads it again."""
    if opened.digest != digest:
        raise SheetChanged(
            f"Training sheet {opened.sheet.id!r} was changed while it was read.", hint="It is read again."
        )
