"""What was decided about tainted model versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, PageNumber, PageRows
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.decision import Decide, Decision, DecisionChain, DecisionPage

router = APIRouter(tags=["revocations"])

NAME = r"^[^\x00-\x1f\x7f]{1,512}$"


@router.post("/decisions", operation_id="decide", status_code=201, responses={404: {}, 409: {}})
def decide(
    client: Annotated[LocalClient, client_for(LocalClient.decide)], body: Annotated[Decide, Body(strict=False)]
) -> Decision:
    """Append a decision about a tainted model version. It is never changed; 409 if the version is not tainted."""
    return client.decide(body)


@router.get("/decisions", operation_id="listDecisions")
def list_decisions(
    client: Annotated[LocalClient, client_for(LocalClient.decisions)],
    model_name: Annotated[str | None, Query(pattern=NAME, description="Filter: full name of the model.")] = None,
    model_version: Annotated[str | None, Query(pattern=NAME, description="Filter: its version.")] = None,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> DecisionPage:
    """List decisions, newest first."""
    return client.decisions(
        model_name=model_name, model_version=model_version, page=page, page_size=page_size, cursor=cursor
    )


@router.get("/decisions/verification", operation_id="verifyDecisions")
def verify_decisions(
    client: Annotated[LocalClient, client_for(LocalClient.verify_decisions)],
    head: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{64}$", description="Hash noted earlier; it must still be on record."),
    ] = None,
) -> DecisionChain:
    """Check that no decision was removed or changed. Note the `head` of the answer for later."""
    return client.verify_decisions(head=head)
