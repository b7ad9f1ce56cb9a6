"""What a study searches: for each key the values to try."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

#: The one key that is no key of training_config.
BASE_MODEL: Final = "base_model"

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Value(BaseModel):
    """A part of a study's request. A text is not taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FloatSearch(Value):
    """Numbers to try: from `low` to `high`, by their logarithm where `log` says so; or one of `choices`."""

    low: Finite | None = Field(None, description="The lowest value to try.", examples=[0.00001])
    high: Finite | None = Field(None, description="The highest value to try.", examples=[0.001])
    log: bool = Field(False, description="Draw on a logarithmic scale. A learning rate always is.", examples=[True])
    choices: Annotated[tuple[Finite, ...], Field(strict=False)] | None = Field(
        None, description="The values to try, instead of low and high.", examples=[[0.0001, 0.001]]
    )


class IntSearch(Value):
    """Whole numbers to try: from `low` to `high` in steps, or by their logarithm; or one of `choices`."""

    low: int | None = Field(None, description="The lowest value to try.", examples=[4])
    high: int | None = Field(None, description="The highest value to try.", examples=[64])
    step: int = Field(1, description="Distance between two values; high must be reached from low.", examples=[4])
    log: bool = Field(False, description="Draw on a logarithmic scale; not with a step.", examples=[True])
    choices: Annotated[tuple[int, ...], Field(strict=False)] | None = Field(
        None, description="The values to try, instead of low and high.", examples=[[8, 16, 32]]
    )


class WordSearch(Value):
    """Words to try."""

    choices: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        description="The values to try.", examples=[["cosine", "linear"]]
    )


Search = FloatSearch | IntSearch | WordSearch
_Floats = Annotated[FloatSearch, Field(strict=False)] | None
_Ints = Annotated[IntSearch, Field(strict=False)] | None
_Words = Annotated[WordSearch, Field(strict=False)] | None


class SearchSpace(Value):
    """What is searched: the base model, and keys of training_config.

    What would change on which pairs, or on how much of them, trials are measured is not among them.
    """

    model_config = ConfigDict(json_schema_extra={"example": {"warmup_ratio": {"low": 0.0, "high": 0.1}}})

    base_model: _Words = Field(None, description="Base model to fine-tune; all trials on one use the same revision.")
    learning_rate: _Floats = Field(None, description="Peak learning rate, drawn on a logarithmic scale.")
    epochs: _Ints = Field(None, description="Passes over the training split.")
    batch_size: _Ints = Field(None, description="Examples per optimizer step.")
    method: _Words = Field(None, description="Fine-tuning method: full, lora.")
    lora_rank: _Ints = Field(None, description="LoRA: rank of the adapters.")
    lora_alpha: _Ints = Field(None, description="LoRA: scale of the adapters.")
    lora_dropout: _Floats = Field(None, description="LoRA: dropout in the adapters.")
    warmup_ratio: _Floats = Field(None, description="Share of the steps used for warm-up.")
    lr_scheduler: _Words = Field(None, description="Learning rate schedule: cosine, linear, constant.")
    weight_decay: _Floats = Field(None, description="Decoupled weight decay of AdamW.")
    max_grad_norm: _Floats = Field(None, description="Maximum norm for gradient clipping.")

    @property
    def searched(self) -> dict[str, Search]:
        """The keys that are searched, in the order above; a learning rate by its logarithm."""
        found: dict[str, Search] = {name: each for name in type(self).model_fields if (each := getattr(self, name))}
        if isinstance(rate := found.get("learning_rate"), FloatSearch) and rate.choices is None:
            found["learning_rate"] = rate.model_copy(update={"log": True})
        return found
