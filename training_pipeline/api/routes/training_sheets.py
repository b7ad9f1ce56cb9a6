"""Training sheets, their export summaries and previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, PageRows, SheetId
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.training_config import MOST_TOKENS
from training_pipeline.domain.usage import Status
from training_pipeline.schemas.sheet_contents import (
    PairConversations,
    TrainingSheetLengths,
    TrainingSheetLifting,
    TrainingSheetNearDuplicates,
)
from training_pipeline.schemas.sheet_pairs import PAIR_ID, SEARCH, VERDICT, TrainingSheetPairs
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
    """Get a training sheet with its export summary: how many pairs may be trained on, and why others may not.

    It is counted once for each version of the sheet, then stored.
    """
    return client.training_sheet(training_sheet_id)


@router.get("/training-sheets/{training_sheet_id}/pairs", operation_id="listTrainingSheetPairs")
def list_training_sheet_pairs(
    client: Annotated[LocalClient, client_for(LocalClient.sheet_pairs)],
    training_sheet_id: SheetId,
    verdict: Annotated[
        str | None,
        Query(pattern=VERDICT, description="Filter: `eligible`, or a reason for exclusion.", examples=["eligible"]),
    ] = None,
    status: Annotated[Status | None, Query(description="Filter: status of the pair.", examples=["labeled"])] = None,
    search: Annotated[
        str | None,
        Query(pattern=SEARCH, description="Filter: text in the id of the pair, item or label.", examples=["qa-0003"]),
    ] = None,
    text: Annotated[
        str | None,
        Query(
            pattern=SEARCH,
            description="Filter: text of a message or tool call. Only stewards find excluded pairs.",
            examples=["invoice"],
        ),
    ] = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> TrainingSheetPairs:
    """List the pairs of a training sheet with their verdicts, by id. A cursor stays with the version it began with."""
    return client.sheet_pairs(
        training_sheet_id,
        verdict=verdict,
        status=status,
        search=search,
        text=text,
        page_size=page_size,
        cursor=cursor,
    )


@router.get("/training-sheets/{training_sheet_id}/conversations", operation_id="getPairConversations")
def get_pair_conversations(
    client: Annotated[LocalClient, client_for(LocalClient.pair_conversations)],
    training_sheet_id: SheetId,
    pair_id: Annotated[str, Query(pattern=PAIR_ID, description="Id of the pair.", examples=["qa-0003"])],
) -> PairConversations:
    """Read what a pair says. Only a steward may read a pair that may not be trained on."""
    return client.pair_conversations(training_sheet_id, pair_id)


@router.get("/training-sheets/{training_sheet_id}/lengths", operation_id="getTrainingSheetLengths")
def get_training_sheet_lengths(
    client: Annotated[LocalClient, client_for(LocalClient.sheet_lengths)],
    training_sheet_id: SheetId,
    base_model: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=512,
            description="Base model whose tokenizer is used. Default: the default base model.",
            examples=["builtin:tiny"],
        ),
    ] = None,
    max_length: Annotated[
        int | None, Query(ge=16, le=MOST_TOKENS, description="Tokens after which a pair is cut.", examples=[384])
    ] = None,
) -> TrainingSheetLengths:
    """Count the tokens of the pairs that may be trained on, with the base model's tokenizer if it is available here."""
    return client.sheet_lengths(training_sheet_id, base_model=base_model, max_length=max_length)


@router.get("/training-sheets/{training_sheet_id}/near-duplicates", operation_id="getNearDuplicates")
def get_near_duplicates(
    client: Annotated[LocalClient, client_for(LocalClient.near_duplicates)], training_sheet_id: SheetId
) -> TrainingSheetNearDuplicates:
    """Find pairs that may be trained on and have equal or nearly equal questions."""
    return client.near_duplicates(training_sheet_id)


@router.get("/training-sheets/{training_sheet_id}/lifting", operation_id="getLifting", responses={409: {}})
def get_lifting(
    client: Annotated[LocalClient, client_for(LocalClient.what_lifting_adds)], training_sheet_id: SheetId
) -> TrainingSheetLifting:
    """Count how many more pairs could be trained on without each restriction that a person can lift."""
    return client.what_lifting_adds(training_sheet_id)


@router.get("/training-sheets/{training_sheet_id}/preview", operation_id="previewTrainingSheet")
def preview_training_sheet(
    client: Annotated[LocalClient, client_for(LocalClient.preview)], training_sheet_id: SheetId, limit: Lines = 5
) -> TrainingSheetPreview:
    """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""
    return client.preview(training_sheet_id, limit=limit)
