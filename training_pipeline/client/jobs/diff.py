"""What differs between two training jobs, composed of their rows, their lineage records and their manifests."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.datasets.diff import diff
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.schemas import paging
from training_pipeline.schemas.diff import TrainingJobDiff, field_differences
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.rows import columns_of

if TYPE_CHECKING:
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.domain.lineage import LineageRecord
    from training_pipeline.domain.pair_change import PairChange
    from training_pipeline.domain.refs import DatasetRef
    from training_pipeline.training_jobs.store.jobs import JobStore

#: What two jobs were asked for and given, beside their lineage records.
_OF_THE_JOB: Final = (
    "base_model",
    "training_config",
    "train_val_split",
    "split_seed",
    "split_predecessor",
    "fresh_split",
    "backend",
)
#: What no two jobs have in common, or what only repeats that the model or the pairs differ.
_NOT_COMPARED: Final = {
    "job_id",
    "assets",
    "dataset_path",
    "snapshot_digest",
    "gate_policy_version",  # a part of the policy
    "model_version",
    "model_files",
}


def diff_page(
    store: JobStore,
    first_id: str,
    second_id: str,
    *,
    changes: Collection[PairChange],
    page_size: int,
    cursor: str | None,
    keys: HashKeys = NO_KEYS,
) -> TrainingJobDiff:
    """What differs, with one page of the pairs that changed in one of these ways, or in any. Reads only.

    Raises `NotFound` where a job is unknown or was never submitted, and `InvalidParameter` for a cursor of other jobs
    or other changes.
    """
    first, second = (_Trained.read(store, job_id) for job_id in (first_id, second_id))
    start = paging.DiffPosition(
        first=first.dataset.digest, second=second.dataset.digest, changes=tuple(sorted(set(changes))), pair_id=""
    )
    if cursor is not None:
        given = paging.decode(paging.DiffPosition, cursor)
        if given.model_copy(update={"pair_id": ""}) != start:
            raise paging.invalid("cursor", "bad_cursor", "must be of these jobs, and of the same `changes`")
        start = given
    found = diff(first.dataset, second.dataset, changes=changes, after=start.pair_id, limit=page_size, keys=keys)
    further = start.model_copy(update={"pair_id": found.pairs[-1].pair_id}) if found.more else None
    return TrainingJobDiff.of(
        first_id,
        second_id,
        found,
        field_differences(first.facts(), second.facts()),
        None if further is None else paging.encode(further),
    )


class _Trained:
    """A job that was submitted: what it was asked for, its record and its dataset."""

    def __init__(self, job: TrainingJob, record: LineageRecord) -> None:
        self.job, self.record = job, record
        self.dataset: DatasetRef = required(job.data.dataset, "dataset")

    @classmethod
    def read(cls, store: JobStore, job_id: str) -> _Trained:
        return cls(store.get(job_id), lineage.read(store, job_id))

    def facts(self) -> dict[str, Any]:
        """Everything on record that may differ and means something, as JSON values."""
        columns = columns_of(self.job)
        record = self.record.model_dump(mode="json", exclude=_NOT_COMPARED)
        base = record.pop("base_model") or {}
        ours = {name: columns[name] for name in _OF_THE_JOB}
        return {**record, **ours, "base_model_record": base, "gate_policy": self.dataset.policy.model_dump(mode="json")}
