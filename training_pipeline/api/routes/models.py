"""The base models on offer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from training_pipeline.api.deps import client_for
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.base_model import BaseModels

router = APIRouter(tags=["base models"])


@router.get("/models", operation_id="listBaseModels")
def list_base_models(client: Annotated[LocalClient, client_for(LocalClient.base_models)]) -> BaseModels:
    """List the base models that can be fine-tuned."""
    return client.base_models()
