"""The base models on offer."""

from __future__ import annotations

from fastapi import APIRouter

from training_pipeline.api.deps import VIEWER, Parts
from training_pipeline.schemas.base_model import BaseModelOffer, BaseModels

router = APIRouter(tags=["base models"])


@router.get("/models", operation_id="listBaseModels", dependencies=[VIEWER])
def list_base_models(services: Parts) -> BaseModels:
    """List the base models that can be fine-tuned."""
    offers = [BaseModelOffer.model_validate(offer) for offer in services.backend.base_models()]
    offers.sort(key=lambda offer: not offer.default)
    return BaseModels(models=offers, total=len(offers))
