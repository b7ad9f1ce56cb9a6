"""What a model is tainted by when it is registered, and whom it waits for."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import text

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.records import lock
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.revoked import register, tainted_jobs, trained_from
from training_pipeline.testing.models.used_rows import NO_DIGEST, job_with
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

PAIR = Revoked(kind="pair", value="p-1", training_sheet_id="invoices")


def test_what_is_registered_inherits_from_an_ancestor_that_is_no_model_on_record(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, letters: DatasetRef
) -> None:
    """The ancestor failed after its files were recorded: nothing taints it, and yet it learned from the row."""
    failed = job_with(store, index, "invoices", invoices, status=JobStatus.FAILED)
    lineage.set_model(store, failed.id, version=None, files={"model.safetensors": NO_DIGEST})
    recorded = revocations.revoke(PAIR, reason="r", actor="grace")
    assert recorded.taints == ()
    child = job_with(store, index, "letters", letters, base_model=trained_from(failed.id, "tj-gone"))
    register(revocations, store, child, "1")
    assert tainted_jobs(store, recorded.revocation.id) == {child.id: (0, 0, (failed.id,))}


def test_whom_a_model_comes_from_is_asked_again_when_it_is_registered(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, letters: DatasetRef
) -> None:
    """It was launched from a copy of a model that was registered only later."""
    base = BaseModelRecord(reference="/models/copy", files={"model.safetensors": NO_DIGEST}, ancestors=())
    child = job_with(store, index, "letters", letters, base_model=base)
    first = job_with(store, index, "invoices", invoices)
    register(revocations, store, first, "1")
    recorded = revocations.revoke(PAIR, reason="r", actor="grace")
    register(revocations, store, child, "2")
    expected = {first.id: (1, 0, ()), child.id: (0, 0, (first.id,))}
    assert tainted_jobs(store, recorded.revocation.id) == expected
    later = revocations.revoke(Revoked(kind="pair", value="p-2", training_sheet_id="invoices"), reason="r", actor="g")
    assert tainted_jobs(store, later.revocation.id) == expected, "it is on record now"


def test_a_model_that_is_registered_while_a_pair_is_revoked_is_tainted(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef
) -> None:
    """Whichever comes first: the other one waits, and then sees it."""
    job = job_with(store, index, "invoices", invoices)
    done: list[Any] = []
    with store.begin() as connection:
        record = lineage.read(store.within(connection), job.id)
        revocations.registering(connection, job, record, "triage", "1")
        thread = threading.Thread(target=lambda: done.append(revocations.revoke(PAIR, reason="r", actor="grace")))
        thread.start()
        thread.join(0.3)
        assert done == [], "it waits for the registration"
        lineage.set_model(store.within(connection), job.id, version="1", files={})
    thread.join(10)
    assert [taint.job_id for taint in done[0].taints] == [job.id]
    other = job_with(store, index, "invoices", invoices)
    with store.begin() as connection:
        lock(connection)
        connection.execute(text("SELECT 1"))
        thread = threading.Thread(target=lambda: register(revocations, store, other, "2"))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "it waits for the revocation"
    thread.join(10)
    assert store.get(other.id).tainted_at is not None
