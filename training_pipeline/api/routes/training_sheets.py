"""Training sheets, their export summaries and previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import VIEWER, Parts, SheetId
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.schemas.training_sheet import (
    ExportSummary,
    TrainingSheet,
    TrainingSheetDetails,
    TrainingSheetPreview,
    TrainingSheets,
)

router = APIRouter(tags=["training sheets"])

Lines = Annotated[int, Query(ge=1, le=1000, description="Maximum number of lines.", examples=[5])]


@router.get("/training-sheets", operation_id="listTrainingSheets", dependencies=[VIEWER])
def list_training_sheets(services: Parts) -> TrainingSheets:
    """List all training sheets whose head can be read."""
    sheets = [TrainingSheet.model_validate(TrainingSheet.fields_of(sheet)) for sheet in services.source.list()]
    return TrainingSheets(training_sheets=sheets, total=len(sheets))


@router.get("/training-sheets/{training_sheet_id}", operation_id="getTrainingSheet", dependencies=[VIEWER])
def get_training_sheet(services: Parts, training_sheet_id: SheetId) -> TrainingSheetDetails:
    """Get a training sheet with its export summary. Both gates are applied to every pair now."""
    with services.source.open(training_sheet_id) as opened:
        summary = export_summary(opened, services.policy)
        return TrainingSheetDetails(
            **TrainingSheet.fields_of(opened.sheet), digest=opened.digest, export_summary=ExportSummary.of(summary)
        )


@router.get("/training-sheets/{training_sheet_id}/preview", operation_id="previewTrainingSheet", dependencies=[VIEWER])
def preview_training_sheet(
    services: Parts,
    training_sheet_id: SheetId,
    limit: Lines = 5,
) -> TrainingSheetPreview:
    """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""
    with services.source.open(training_sheet_id) as opened:
        trainable = opened.sheet.status in TRAINABLE_SHEETS
        lines = preview(opened, services.policy, limit) if trainable else []
    return TrainingSheetPreview(training_sheet_id=training_sheet_id, trainable=trainable, lines=lines)
