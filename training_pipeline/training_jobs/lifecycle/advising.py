"""The advice on a job that is planned or created: what is known of it is put together for the rules."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.base_models import DescribesModels
from training_pipeline.backends.plan import Plan
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.token_lengths import tokenizer_of
from training_pipeline.domain.advice.advise import advise
from training_pipeline.domain.advice.facts import AnswerCounts, Facts, ModelFacts, TokenLengths
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.training_config import TrainingConfig


class Measured(BaseModel):
    """What a dry run measured on the texts of a sheet. Null is what was not."""

    model_config = ConfigDict(frozen=True)

    lengths: TokenLengths | None = None
    lengths_estimated: bool = False
    unknown_tokens: int | None = None
    answers: AnswerCounts | None = None


class Advisor:
    """Asks the rules. What a dry run measured serves the job that is created after it, by whichever process."""

    def __init__(self, backend: FineTuningBackend, findings: SheetFindings) -> None:
        self._backend = backend
        self._findings = findings

    def remember(self, measured: Measured, sheet_digest: str, base_model: str, withdrawn: Withdrawn) -> None:
        """Keep what a dry run measured on this version of a sheet with this base model. Writes."""
        self._findings.keep(measured, sheet_digest, withdrawn=withdrawn, told=self._told(base_model))

    def remembered(self, sheet_digest: str, base_model: str, withdrawn: Withdrawn) -> Measured:
        """What a dry run measured on this version of a sheet with this base model, if any did. Reads."""
        told = self._told(base_model)
        return self._findings.known(Measured, sheet_digest, withdrawn=withdrawn, told=told) or Measured()

    def facts(self, plan: Plan, measured: Measured, *, train_pairs: int | None, validation_pairs: int | None) -> Facts:
        """What is known of a job. Reads small files of the base model."""
        return Facts(
            base_model=plan.base_model,
            model=self.described(plan),
            config=plan.config,
            auto=self._auto(plan, train_pairs),
            train_pairs=train_pairs,
            validation_pairs=validation_pairs,
            lengths=measured.lengths,
            lengths_estimated=measured.lengths_estimated,
            unknown_tokens=measured.unknown_tokens,
            answers=measured.answers,
        )

    def described(self, plan: Plan) -> ModelFacts:
        """What is known of the base model, and of what trains it. Reads small files."""
        if isinstance(self._backend, DescribesModels):
            return self._backend.describe(plan.base_model, plan.config)
        return ModelFacts()

    def advise(self, facts: Facts) -> AdviceRecord:
        """What the rules of today say."""
        return advise(facts)

    def _told(self, base_model: str) -> str:
        return f"{base_model}\n{tokenizer_of(self._backend, base_model) or ''}"

    def _auto(self, plan: Plan, train_pairs: int | None) -> TrainingConfig:
        """The plan with every value that can be left out left out. What fits together in one plan fits here."""
        asked = plan.config.model_copy(update=dict.fromkeys(("epochs", "learning_rate", "batch_size"), "auto"))
        return self._backend.plan(plan.base_model, asked, train_pairs=train_pairs).config
