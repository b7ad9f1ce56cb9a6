"""What a model learned from: its own dataset, and those of all models of ours that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from training_pipeline.domain.errors import Lost, Unavailable
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Learned:
    """A dataset that a model learned from, and the sheet whose items its pairs are about."""

    job_id: str
    sheet_id: str
    dataset: DatasetRef


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What a model and its ancestors learned from, its own first, and whether that is on record to the end."""

    learned: tuple[Learned, ...]
    is_known: bool


def ancestry_of(store: JobStore, job_id: str) -> Ancestry:
    """What the model of a job, and all of ours that it comes from, learned from. Reads only.

    Raises `NotFound` where there is no such job, or one of them was never submitted, and `Lost` where a dataset cannot
    be told.
    """
    store.get(job_id)
    base = lineage.read(store, job_id).base_model
    ancestors = base.ancestors if base is not None else None
    known = ancestors is not None and all(origin.base_recorded for origin in ancestors)
    jobs = [job_id, *(origin.job_id for origin in ancestors or ())]
    learned = [Learned(each, lineage.read(store, each).sheet_id, _dataset(store, each)) for each in jobs]
    return Ancestry(tuple(learned), known)


def _dataset(store: JobStore, job_id: str) -> DatasetRef:
    try:
        return required(store.get(job_id).data.dataset, "dataset")
    except Unavailable as error:  # a job whose model is there gets no other dataset
        raise Lost(f"What training job {job_id} learned from cannot be told: {error.message}") from error


def ancestry_of_both(store: JobStore, job_id: str, other: str | None) -> Ancestry:
    """What any of two compared models of ours has learned from: a pair that one has seen compares nothing. Reads only.

    Raises as `ancestry_of` does.
    """
    return ancestry_of_all(store, job_id, [] if other is None else [other])


def ancestry_of_all(store: JobStore, job_id: str, others: Iterable[str]) -> Ancestry:
    """The same of a model and all `others` that it is compared with, its own first. Reads only."""
    found = [ancestry_of(store, each) for each in dict.fromkeys([job_id, *others])]
    learned = {each.job_id: each for one in reversed(found) for each in reversed(one.learned)}
    return Ancestry(tuple(reversed(learned.values())), all(one.is_known for one in found))
