"""Training sheets, their export summaries and previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import SheetId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.training_sheet import TrainingSheetDetails, TrainingSheetPreview, TrainingSheets

router = APIRouter(tags=["training sheets"])

Lines = Annotated[int, Query(ge=1, le=1000, description="Maximum number of lines.", examples=[5])]


@router.get("/training-sheets", operation_id="listTrainingSheets")
def list_training_sheets(
    client: Annotated[LocalClient, client_for(LocalClient.training_sheets)],
) -> TrainingSheets:
    """List all training sheets whose head can be read."""
    return client.training_sheets()


@router.get("/training-sheets/{training_sheet_id}", operation_id="getTrainingSheet")
def get_training_sheet(
    client: Annotated[LocalClient, client_for(LocalClient.training_sheet)], training_sheet_id: SheetId
) -> TrainingSheetDetails:
    """Get a training sheet with its export summary. Both gates are applied to every pair now."""
    return client.training_sheet(training_sheet_id)


@router.get("/training-sheets/{training_sheet_id}/preview", operation_id="previewTrainingSheet")
def preview_training_sheet(
    client: Annotated[LocalClient, client_for(LocalClient.preview)], training_sheet_id: SheetId, limit: Lines = 5
) -> TrainingSheetPreview:
    """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""
    return client.preview(training_sheet_id, limit=limit)
