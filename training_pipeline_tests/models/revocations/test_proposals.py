"""With every taint of a version its retrain is proposed: without the rows, and from a clean base."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.retrain_proposal import RetrainProposal
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations import proposals
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import NO_DIGEST, dataset_of, job_with, row
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

ROW = Revoked(kind="pair", value="p-1", training_sheet_id="invoices")


@pytest.fixture
def invoices(tmp_path: Path) -> DatasetRef:
    rows = [row("p-1", "train", canonical_label_id="l"), row("p-2", "validation", canonical_label_id="l")]
    return dataset_of(tmp_path, "invoices", [*rows, row("p-3", "train")])


@pytest.fixture
def letters(tmp_path: Path) -> DatasetRef:
    return dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])


def origin(job: TrainingJob, base: str) -> ModelOrigin:
    return ModelOrigin(job_id=job.id, model_name="triage", model_version="1", base_model=base)


def of(store: JobStore, job: TrainingJob) -> RetrainProposal | None:
    with store.begin() as connection:
        return proposals.read(connection, job.id)


def proposed(store: JobStore, job: TrainingJob) -> tuple[str, str | None, int | None, int | None]:
    found = of(store, job)
    assert found is not None
    return found.request["base_model"], found.tainted_base, found.train, found.validation


def test_a_chain_is_retrained_from_its_first_clean_ancestor(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, letters: DatasetRef
) -> None:
    first = job_with(store, index, "letters", letters, version="1")
    base = BaseModelRecord(reference="/models/first", ancestors=(origin(first, "hub/base"),))
    child = job_with(store, index, "invoices", invoices, version="2", base_model=base)
    chain = (origin(child, "/models/first"), *(base.ancestors or ()))
    base = BaseModelRecord(reference="/models/child", ancestors=chain)
    grandchild = job_with(store, index, "letters", letters, version="3", base_model=base)
    for job, reference in ((first, "hub/base"), (child, "/models/first"), (grandchild, "/models/child")):
        store.update(job.id, {"base_model": reference})
    revocations.revoke(ROW, reason="r", actor="grace")
    assert of(store, first) is None
    assert proposed(store, child) == ("/models/first", None, 1, 0)
    assert proposed(store, grandchild) == ("/models/first", "/models/child", 0, 0)
    before = of(store, child)
    # The same rows under several revocations are counted once.
    revocations.revoke(Revoked(kind="label", value="l"), reason="r", actor="grace")
    assert proposed(store, child) == ("/models/first", None, 1, 1)
    after = of(store, child)
    assert before is not None
    assert after is not None
    assert after.updated_at > before.updated_at
    # Renewed with the taint of its base; where nobody can count, the taint stands and the proposal too.
    invoices.manifest_file.unlink()
    revocations.revoke(Revoked(kind="item", value="item of x"), reason="r", actor="grace")
    assert proposed(store, first) == ("hub/base", None, 1, 0)
    assert proposed(store, child) == ("hub/base", "/models/first", None, None)
    assert proposed(store, grandchild) == ("hub/base", "/models/child", 1, 0)


def test_a_version_that_is_registered_tainted_has_a_proposal_and_an_artifact_has_none(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef
) -> None:
    revocations.revoke(ROW, reason="r", actor="grace")
    job, kept = (job_with(store, index, "invoices", invoices) for _ in range(2))
    for one, version in ((job, "1"), (kept, None)):
        with store.begin() as connection:
            record = lineage.read(store.within(connection), one.id)
            revocations.registering(connection, one, record, "triage", version)
            files = {"model.safetensors": NO_DIGEST}
            lineage.set_model(store.within(connection), one.id, version=version, files=files)
    assert proposed(store, job)[2:] == (1, 0)
    assert of(store, kept) is None
