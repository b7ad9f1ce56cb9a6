"""The lineage record as it is known before training: sheet, snapshot, dataset and base model."""

from __future__ import annotations

from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord, LineageRecord
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef


def launch_lineage(
    job: TrainingJob, sheet: SheetRef, taken: SnapshotRef, dataset: DatasetRef, base_model: BaseModelRecord | None
) -> LineageRecord:
    """The record of what `job` will be trained on."""
    head = sheet.sheet
    return LineageRecord(
        job_id=job.id,
        training_sheet_id=head.id,
        training_sheet_name=head.name,
        training_sheet_digest=dataset.sheet_digest,
        sheet_id=head.source_sheet.id,
        sheet_name=head.source_sheet.name,
        sheet_version=head.source_sheet.version,
        template_id=head.prompt_template.id,
        template_name=head.prompt_template.name,
        template_version=head.prompt_template.version,
        gate_policy_version=taken.policy_version,
        snapshot_digest=taken.digest,
        dataset_digest=dataset.digest,
        dataset_path=str(dataset.path),
        model_name=job.request.model_name,
        base_model=base_model,
    )
