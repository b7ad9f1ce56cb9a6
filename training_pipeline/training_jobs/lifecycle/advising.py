"""The advice on a job that is planned or created: what is known of it is put together for the rules."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.base_models import DescribesModels
from training_pipeline.backends.plan import Plan
from training_pipeline.domain.advice.advise import advise
from training_pipeline.domain.advice.facts import AnswerCounts, Facts, ModelFacts, TokenLengths
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.training_config import TrainingConfig

#: Measurements of so many sheets and base models are remembered, the last ones that were asked for.
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What a dry run measured on the texts of a sheet. Null is what was not."""

    lengths: TokenLengths | None = None
    unknown_tokens: int | None = None
    answers: AnswerCounts | None = None


class Advisor:
    """Asks the rules. What a dry run measured serves the job that is created after it, in this process."""

    def __init__(self, backend: FineTuningBackend) -> None:
        self._backend = backend
        self._measured: OrderedDict[tuple[str, str], Measured] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, sheet_digest: str, base_model: str, measured: Measured) -> None:
        """Keep what a dry run measured on this version of a sheet with this base model."""
        with self._lock:
            self._measured[sheet_digest, base_model] = measured
            self._measured.move_to_end((sheet_digest, base_model))
            while len(self._measured) > _REMEMBERED:
                self._measured.popitem(last=False)

    def facts(self, plan: Plan, *, sheet_digest: str, train_pairs: int | None, validation_pairs: int | None) -> Facts:
        """What is known of a job. Reads small files of the base model."""
        with self._lock:
            measured = self._measured.get((sheet_digest, plan.base_model), Measured())
        return Facts(
            base_model=plan.base_model,
            model=self._described(plan),
            config=plan.config,
            auto=self._auto(plan, train_pairs),
            train_pairs=train_pairs,
            validation_pairs=validation_pairs,
            lengths=measured.lengths,
            unknown_tokens=measured.unknown_tokens,
            answers=measured.answers,
        )

    def advise(self, facts: Facts) -> AdviceRecord:
        """What the rules of today say. Pure."""
        return advise(facts)

    def _described(self, plan: Plan) -> ModelFacts:
        if isinstance(self._backend, DescribesModels):
            return self._backend.describe(plan.base_model, plan.config)
        return ModelFacts()

    def _auto(self, plan: Plan, train_pairs: int | None) -> TrainingConfig:
        """The plan with every value that can be left out left out. What fits together in one plan fits here."""
        asked = plan.config.model_copy(update=dict.fromkeys(("epochs", "learning_rate", "batch_size"), "auto"))
        return self._backend.plan(plan.base_model, asked, train_pairs=train_pairs).config
