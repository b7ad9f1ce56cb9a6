"""The earlier versions of training sheets, and what changed between them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, SheetId
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.schemas.sheet_versions import NAMED, TrainingSheetDiff, TrainingSheetVersions

router = APIRouter(tags=["training sheets"])

MOST_PAIRS: Final = 10_000
Compared = Annotated[
    str,
    Path(pattern=NAMED, description="Id of a training sheet, or the name of a version of one.", examples=["sheet-123"]),
]


@router.get("/training-sheets/{training_sheet_id}/versions", operation_id="listTrainingSheetVersions")
def list_training_sheet_versions(
    client: Annotated[LocalClient, client_for(LocalClient.sheet_versions)], training_sheet_id: SheetId
) -> TrainingSheetVersions:
    """List the versions of a training sheet that were kept when it was replaced or edited, the newest first."""
    return client.sheet_versions(training_sheet_id)


@router.get("/training-sheets/{training_sheet_id}/diff/{other_training_sheet_id}", operation_id="diffTrainingSheets")
def diff_training_sheets(
    client: Annotated[LocalClient, client_for(LocalClient.sheet_diff)],
    training_sheet_id: Compared,
    other_training_sheet_id: Compared,
    changes: Annotated[
        list[SheetChange] | None, Query(description="Filter: pairs that changed in one of these ways.")
    ] = None,
    page_size: Annotated[
        int, Query(ge=1, le=MOST_PAIRS, description="Maximum number of pairs per page.", examples=[100])
    ] = 100,
    cursor: Cursor = None,
) -> TrainingSheetDiff:
    """What changed from one training sheet, or version of it, to another, pair by pair. Texts are never shown."""
    return client.sheet_diff(
        training_sheet_id, other_training_sheet_id, changes=changes or (), page_size=page_size, cursor=cursor
    )
