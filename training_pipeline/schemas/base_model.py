"""Base models on offer, as clients see them."""

from __future__ import annotations

from pydantic import Field

from training_pipeline.schemas.base import Answer


class BaseModelOffer(Answer):
    """A base model that the backend can fine-tune."""

    id: str = Field(description="What to give as `base_model`.", examples=["builtin:tiny"])
    description: str = Field(description="What it is.", examples=["A very small model, to prove the pipeline."])
    parameters: int | None = Field(description="Number of its parameters, where known.", examples=[500_000])
    context_length: int | None = Field(description="Tokens that it takes at most, where known.", examples=[2048])
    licence: str | None = Field(description="Its licence, where known.", examples=["Apache-2.0"])
    accelerators: list[str] = Field(description="GPU nodes that hold it; empty on this machine.", examples=[[]])
    default: bool = Field(description="Whether it is used where none is named.", examples=[True])


class BaseModels(Answer):
    """The base models on offer."""

    models: list[BaseModelOffer] = Field(description="The models, the default first.")
    total: int = Field(description="How many they are.", examples=[1])
