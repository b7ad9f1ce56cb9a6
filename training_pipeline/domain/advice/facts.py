"""What the rules of advice look at. Null is what is not known: a rule that needs it then says nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.training_config import TrainingConfig

Family = Literal["llama", "qwen"]


class TokenLengths(BaseModel):
    """How many examples have how many tokens, before any cut."""

    model_config = ConfigDict(frozen=True)

    #: Number of tokens -> number of examples.
    counts: Mapping[int, int]

    @classmethod
    def of(cls, lengths: Iterable[int]) -> TokenLengths:
        """Count lengths."""
        counts: dict[int, int] = {}
        for length in lengths:
            counts[length] = counts.get(length, 0) + 1
        return cls(counts=dict(sorted(counts.items())))

    @property
    def examples(self) -> int:
        """How many examples were counted."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> int:
        """The least length that at least this share of the examples does not exceed; 0 where there are none."""
        wanted, seen = math.ceil(share * self.examples - 1e-9), 0
        for length in sorted(self.counts):
            seen += self.counts[length]
            if seen >= max(1, wanted):
                return length
        return 0

    def cut(self, most: int) -> int:
        """How many examples are longer."""
        return sum(count for length, count in self.counts.items() if length > most)

    def mean(self, most: int) -> float:
        """Tokens of an example on average, each cut to `most`; 0 where there are none."""
        tokens = sum(min(length, most) * count for length, count in self.counts.items())
        return tokens / self.examples if self.counts else 0.0

    def padded(self, most: int, batch: int) -> float:
        """The same with what fills up each batch to its longest example, where equally long ones meet."""
        tokens = seen = longest = 0
        for length in sorted(self.counts):
            longest, before = min(length, most), seen
            seen += self.counts[length]
            tokens += (seen // batch - before // batch) * batch * longest
        return (tokens + seen % batch * longest) / seen if seen else 0.0


class AnswerCounts(BaseModel):
    """The last answers of the included pairs: how many there are, how many different ones, and how often the most
    frequent one is given.
    """

    model_config = ConfigDict(frozen=True)

    answers: int
    different: int
    most_frequent: int


class ModelFacts(BaseModel):
    """What is known of a base model and of the machine that trains it, without loading it."""

    model_config = ConfigDict(frozen=True)

    from_scratch: bool = False
    family: Family | None = None
    hidden_size: int | None = None
    layers: int | None = None
    vocabulary: int | None = None
    parameters: int | None = None
    context_length: int | None = None
    #: Whether it has a chat template of its own.
    chat: bool | None = None
    #: Frozen weights are kept in bf16, and activations are worked out anew: as on GPUs.
    lean: bool = False
    #: The machine by what it computes with, such as "AMD EPYC 9B14, 2 CPUs".
    machine: str | None = None
    memory_bytes: int | None = None
    #: Operations a second at most by its data sheet, where it is not to be measured from here.
    sheet_speed: float | None = None


class Facts(BaseModel):
    """What is known of a job before it runs. Configurations have no "auto" left."""

    model_config = ConfigDict(frozen=True)

    base_model: str
    model: ModelFacts
    config: TrainingConfig
    #: What every "auto" would mean for this model and so many pairs.
    auto: TrainingConfig
    train_pairs: int | None = None
    validation_pairs: int | None = None
    lengths: TokenLengths | None = None
    #: No tokenizer was asked: the lengths are those that characters tell.
    lengths_estimated: bool = False
    #: Examples with a token that the vocabulary does not have.
    unknown_tokens: int | None = None
    answers: AnswerCounts | None = None

    @property
    def batch_size(self) -> int:
        """Examples of a step."""
        return whole(self.config.batch_size)

    @property
    def steps(self) -> int | None:
        """Optimizer steps, before any early stopping; null where the pairs are not counted."""
        return self.steps_with(self.batch_size)

    def steps_with(self, batch_size: int) -> int | None:
        """Optimizer steps with another batch."""
        if self.train_pairs is None:
            return None
        return math.ceil(self.train_pairs / batch_size) * whole(self.config.epochs)


def whole(value: int | str) -> int:
    """A number of a configuration without "auto"; raises `AssertionError` for one with it."""
    if not isinstance(value, int):
        raise AssertionError(f"{value!r} is left in a resolved configuration")
    return value


def family_of(name: str) -> Family | None:
    """The family that a model's type or name tells, where there is a formula for it."""
    known = name.lower()
    families: tuple[Family, ...] = ("llama", "qwen")
    return next((family for family in families if family in known), None)
