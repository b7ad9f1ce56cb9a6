"""Datasets with made-up manifests, and jobs that have them, for tests and benches of the index of uses."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from training_pipeline.datasets.rows_file import write_rows
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord, LineageRecord
from training_pipeline.domain.manifest import MANIFEST_SCHEMA
from training_pipeline.domain.refs import MANIFEST, DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.split_report import SplitReport
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.launch import UseIndex
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

NO_DIGEST: Final = "0" * 64
#: The tables of the index of uses.
TABLES: Final = "use_sheets, use_datasets, use_rows, use_questions, use_verdicts"


def hashed(text: str, digits: int = 64) -> str:
    """A hash to stand for that of an example (64 digits) or of a question (32)."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def row(pair_id: str | None, split_or_reason: str, **values: Any) -> dict[str, Any]:
    """A row of a manifest; hashes and item are made of the pair's id unless `values` say otherwise."""
    included = split_or_reason in {"train", "validation"}
    return {
        **dict.fromkeys(MANIFEST_SCHEMA.names),
        "pair_id": pair_id,
        "row_hash": hashed(f"example {pair_id}") if included else None,
        "prompt_hash": hashed(f"question {pair_id}", 32),
        "item_ref": f"item of {pair_id}",
        "split": split_or_reason if included else None,
        "reason": None if included else split_or_reason,
        **values,
    }


def dataset_of(root: Path, sheet_id: str, rows: Sequence[Mapping[str, Any]] | pa.Table) -> DatasetRef:
    """Store a manifest of these rows, under the digest of its rows, without any text."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(one) for one in rows], MANIFEST_SCHEMA)
    staged = root / "staged"
    staged.mkdir(parents=True, exist_ok=True)
    digest = write_rows(staged / MANIFEST, table.schema, table.to_batches(100_000)).hexdigest()
    path = root / digest
    path.mkdir(exist_ok=True)
    (staged / MANIFEST).replace(path / MANIFEST)
    verdicts = Counter(table["split"].to_pylist()) + Counter(table["reason"].to_pylist())
    return dataset_at(path, sheet_id, verdicts)


def dataset_at(path: Path, sheet_id: str, verdicts: Mapping[str, int], *, digest: str | None = None) -> DatasetRef:
    """The dataset whose manifest is in `path`, which is named by its digest unless that is given."""
    sides = {side: verdicts.get(side, 0) for side in ("train", "validation")}
    excluded = {reason: verdicts.get(str(reason), 0) for reason in Reason}
    eligible = sum(sides.values())
    return DatasetRef(
        digest=digest or path.name,
        path=path,
        sheet_id=sheet_id,
        sheet_digest=NO_DIGEST,
        snapshot_digest=NO_DIGEST,
        policy=GatePolicy(),
        train_pairs=sides["train"],
        validation_pairs=sides["validation"],
        train_sha256=NO_DIGEST,
        validation_sha256=NO_DIGEST,
        manifest_sha256=path.name,
        bytes=0,
        canonical_labels=0,
        report=SplitReport(
            requested_ratio=0.8,
            achieved_ratio=0.8,
            **sides,
            components=1,
            largest_component=1,
            kept_from_validation=0,
            seed=sheet_id,
        ),
        summary=ExportSummary(
            total=eligible + sum(excluded.values()),
            labeled=eligible,
            training_allowed=eligible,
            training_prohibited=0,
            eligible=eligible,
            excluded=excluded,
            reasons=(),
            classifications={},
            approvers={},
            warnings=(),
        ),
    )


def job_with(
    store: JobStore,
    index: UseIndex | None,
    sheet_id: str,
    dataset: DatasetRef,
    *,
    version: str | None = None,
    base_model: BaseModelRecord | None = None,
    source_sheet: str = "invoices",
    template: str = "triage",
    **values: Any,
) -> TrainingJob:
    """A job that has the dataset, and was submitted; without an index it is as a job of before there was one.

    With a `version` it has registered one.
    """
    job = new_job(training_sheet_id=sheet_id, **{"status": JobStatus.RUNNING, **values})
    store.create(job, message="Created.")
    record = None if index is None else index.prepare(sheet_id, dataset)
    stored = {"dataset": dataset.model_dump(mode="json"), "dataset_digest": dataset.digest}
    store.update(job.id, {**stored, "submit_intended_at": job.created_at}, also=record)
    lineage.write(
        store,
        LineageRecord(
            job_id=job.id,
            training_sheet_id=sheet_id,
            training_sheet_name=sheet_id,
            training_sheet_digest=NO_DIGEST,
            sheet_id=source_sheet,
            sheet_name=source_sheet,
            sheet_version="1",
            template_id=template,
            template_name=template,
            template_version="1",
            gate_policy_version="3",
            snapshot_digest=NO_DIGEST,
            dataset_digest=dataset.digest,
            dataset_path=str(dataset.path),
            model_name=job.request.model_name,
            base_model=base_model,
        ),
    )
    if version is not None:
        lineage.set_model(store, job.id, version=version, files={"model.safetensors": NO_DIGEST})
    return store.get(job.id)
