"""Evaluations of models that are not registered; `tuning/test_scoring.py` has them run from beginning to end."""

from __future__ import annotations

from typing import Any, cast

import pytest

from training_pipeline.domain.errors import GateRefused, NotFound, Tainted
from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.evaluation.subsets import Half
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.jobs import JobStore


def kept(store: JobStore, *, tainted: tuple[str, ...] = ()) -> KeptModels:
    """Nothing is read here but the store."""
    standing = Standing(state=VersionState.TAINTED, reasons=("Tainted by rv-1: a reason.",))
    nothing = cast("Any", None)
    return KeptModels(
        store,
        nothing,
        nothing,
        nothing,
        nothing,
        standings=lambda ids: {one: standing for one in ids if one in tainted},
    )


def test_a_model_that_a_revocation_reaches_is_asked_nothing(store: JobStore) -> None:
    with pytest.raises(Tainted, match=r"The model of training job tj-1 is tainted\. Tainted by rv-1"):
        kept(store, tainted=("tj-1",)).learned("tj-1")
    with pytest.raises(NotFound):
        kept(store).learned("tj-1")


def test_what_can_never_be_evaluated_is_on_record_once(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    models = kept(store)
    assert models.find(job.id, Half.HELD_BACK) is None
    error = GateRefused("No pair is left to ask.", hint="Make another suite.")
    found = models.refuse(job.id, "parcels", Half.HELD_BACK, error, actor="ada")
    assert (found.status, found.error) == (EvaluationStatus.FAILED, "No pair is left to ask. Make another suite.")
    again = models.refuse(job.id, "parcels", Half.HELD_BACK, GateRefused("later"), actor="ada")
    assert again == found == models.start(job.id, "parcels", Half.HELD_BACK, actor="ada")
    assert models.find(job.id, None) is None
    assert records.of_jobs(store, [job.id]) == []
