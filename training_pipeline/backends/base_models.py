"""What a backend offers and knows of base models."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.sft.config import TinySize


class BaseModelOffer(BaseModel):
    """A base model that a backend can run."""

    model_config = ConfigDict(frozen=True)

    id: str
    description: str
    parameters: int | None = None
    context_length: int | None = None
    licence: str | None = None
    #: Whether this machine's memory holds it, trained with LoRA; null where that is not known, or not asked of it.
    fits: bool | None = None
    accelerators: tuple[str, ...] = ()
    default: bool = False


@runtime_checkable
class DescribesModels(Protocol):
    """What a backend has besides where it knows something of its base models and of what trains them."""

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:
        """What is known of a base model and a configuration of `plan`. Reads small local files only; never raises."""
        ...


def facts_of_built_in() -> ModelFacts:
    """What is known of the model that the training program makes itself."""
    tiny = TinySize()
    return ModelFacts(
        from_scratch=True,
        hidden_size=tiny.hidden_size,
        layers=tiny.layers,
        vocabulary=tiny.vocab_size,
        parameters=tiny.parameters,
        chat=True,
    )
