"""Edits of the pairs of training sheets, and their log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, PageNumber, PageRows, SheetId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.sheet_edit import (
    PAIR_ID,
    EditTrainingSheetPairs,
    TakeOverTrainingSheet,
    TrainingSheetEdit,
    TrainingSheetEdits,
    UndoTrainingSheetEdit,
)
from training_pipeline.schemas.training_sheet import TrainingSheetDetails

router = APIRouter(tags=["training sheets"])

Number = Annotated[int, Path(ge=1, lt=2**63, description="Number of the edit.", examples=[17])]


@router.patch(
    "/training-sheets/{training_sheet_id}/pairs",
    operation_id="editTrainingSheetPairs",
    responses={404: {}, 409: {}},
)
def edit_training_sheet_pairs(
    client: Annotated[LocalClient, client_for(LocalClient.edit_pairs)],
    training_sheet_id: SheetId,
    body: Annotated[EditTrainingSheetPairs, Body(strict=False)],
) -> TrainingSheetEdit:
    """Edit pairs of the stated version of a training sheet. Stored datasets stay as they are."""
    return client.edit_pairs(training_sheet_id, body)


@router.post(
    "/training-sheets/{training_sheet_id}/take-over",
    operation_id="takeOverTrainingSheet",
    responses={404: {}, 409: {}},
)
def take_over_training_sheet(
    client: Annotated[LocalClient, client_for(LocalClient.take_over_sheet)],
    training_sheet_id: SheetId,
    body: Annotated[TakeOverTrainingSheet, Body(strict=False)],
) -> TrainingSheetDetails:
    """Move the pairs of a training sheet in a file of others into one of ours, where they can be edited.

    The gates say the same of every pair, and the sheet as it was is kept as a version.
    """
    return client.take_over_sheet(training_sheet_id, body)


@router.get("/training-sheets/{training_sheet_id}/edits", operation_id="listTrainingSheetEdits", responses={404: {}})
def list_training_sheet_edits(
    client: Annotated[LocalClient, client_for(LocalClient.sheet_edits)],
    training_sheet_id: SheetId,
    pair_id: Annotated[
        str | None,
        Query(pattern=PAIR_ID, description="Filter: edits of this pair.", examples=["qa-0003"]),
    ] = None,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> TrainingSheetEdits:
    """List who changed which pairs of a training sheet, when and how, newest first. Never shows their text."""
    return client.sheet_edits(training_sheet_id, pair_id=pair_id, page=page, page_size=page_size, cursor=cursor)


@router.post(
    "/training-sheets/{training_sheet_id}/edits/{number}/undo",
    operation_id="undoTrainingSheetEdit",
    responses={404: {}, 409: {}},
)
def undo_training_sheet_edit(
    client: Annotated[LocalClient, client_for(LocalClient.undo_edit)],
    training_sheet_id: SheetId,
    number: Number,
    body: Annotated[UndoTrainingSheetEdit, Body(strict=False)],
) -> TrainingSheetEdit:
    """Undo an edit whose pairs were not changed since. The undoing is recorded as an edit of its own."""
    return client.undo_edit(training_sheet_id, number, body)
