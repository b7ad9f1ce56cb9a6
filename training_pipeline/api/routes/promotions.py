"""Promotions: an alias is moved through a gate, or back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from training_pipeline.api.deps import client_for
from training_pipeline.api.routes.model_versions import Name, Version
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions, PromoteModelVersion, RollBackAlias

router = APIRouter(tags=["model versions"])


@router.post(
    "/model-versions/{name}/{version}/promote", operation_id="promoteModelVersion", responses={404: {}, 409: {}}
)
def promote_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.promote)],
    name: Name,
    version: Version,
    body: PromoteModelVersion,
) -> ModelPromotion:
    """Ask the gate whether an alias may be moved to this version, and move it if the verdict is ship.

    The decision is on record.
    """
    return client.promote(name, version, body)


@router.post("/promotions/{name}/roll-back", operation_id="rollBackAlias", responses={409: {}})
def roll_back_alias(
    client: Annotated[LocalClient, client_for(LocalClient.roll_back)], name: Name, body: RollBackAlias
) -> ModelPromotion:
    """Move an alias back to the version that had it before it was moved last."""
    return client.roll_back(name, body)


@router.get("/promotions/{name}", operation_id="listPromotions")
def list_promotions(client: Annotated[LocalClient, client_for(LocalClient.promotions)], name: Name) -> ModelPromotions:
    """List every decision about the aliases of a model, newest first."""
    return client.promotions(name)
