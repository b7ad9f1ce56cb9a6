"""Which models learned from this?"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.uses import Uses

router = APIRouter(tags=["uses"])


def _key(what: str, example: str) -> Any:
    return Query(description=what, max_length=2000, examples=[example])


@router.get("/uses", operation_id="findUses", responses={404: {}})
def find_uses(
    client: Annotated[LocalClient, client_for(LocalClient.uses)],
    pair: Annotated[str | None, _key("Id of a pair.", "p-0001")] = None,
    item: Annotated[str | None, _key("An item of the source sheet.", "item-0001")] = None,
    label: Annotated[str | None, _key("A canonical label.", "label-17")] = None,
    row_hash: Annotated[str | None, _key("SHA-256 (hex) of an example, as in a manifest.", "3b1f0d2c" * 8)] = None,
    question_hash: Annotated[str | None, _key("Hash (hex) of a question, as in a manifest.", "3b1f0d2c" * 4)] = None,
    template: Annotated[str | None, _key("A prompt template.", "triage")] = None,
    sheet: Annotated[
        str | None,
        _key("A training sheet or source sheet; with another key: the training sheet to look in.", "sheet-1"),
    ] = None,
) -> Uses:
    """Find every dataset, job and model version that used a row, or a whole sheet or template. Give one key."""
    return client.uses(
        pair=pair,
        item=item,
        label=label,
        row_hash=row_hash,
        question_hash=question_hash,
        template=template,
        sheet=sheet,
    )
