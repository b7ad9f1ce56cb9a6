"""Response models of the base models on offer."""

from __future__ import annotations

from pydantic import Field

from training_pipeline.schemas.base import Answer


class BaseModelOffer(Answer):
    """A base model that the backend can fine-tune."""

    id: str = Field(description="Value to use as `base_model`.", examples=["builtin:tiny"])
    description: str = Field(description="Description.", examples=["A very small model, to prove the pipeline."])
    parameters: int | None = Field(description="Number of parameters, if known.", examples=[500_000])
    context_length: int | None = Field(description="Maximum context length in tokens, if known.", examples=[2048])
    licence: str | None = Field(description="Licence, if known.", examples=["Apache-2.0"])
    fits: bool | None = Field(
        None,
        description=(
            "Whether it fits into the memory of the machine that trains, with LoRA; null if that is not known."
        ),
        examples=[True],
    )
    accelerators: list[str] = Field(description="GPU nodes it fits on; empty for the local backend.", examples=[[]])
    default: bool = Field(description="Whether it is the default base model.", examples=[True])


class BaseModels(Answer):
    """The base models on offer."""

    models: list[BaseModelOffer] = Field(description="The models, the default first.")
    total: int = Field(description="Number of models.", examples=[1])
