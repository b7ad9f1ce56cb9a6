from __future__ import annotations

from training_pipeline.backends.plan import Plan
from training_pipeline.domain.advice.facts import AnswerCounts, ModelFacts
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.testing.jobs.advice_facts import config
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.training_jobs.lifecycle import advising
from training_pipeline.training_jobs.lifecycle.advising import Advisor, Measured

ANSWERS = AnswerCounts(answers=10, different=2, most_frequent=9)


def plan(**values: object) -> Plan:
    return Plan(base_model="m", config=config(**values))


class Describing(ScriptedBackend):
    """Knows something of its models."""

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:
        return ModelFacts(family="qwen", machine=f"{base_model} with {config.method}")


def facts_of(advisor: Advisor, digest: str = "d") -> AnswerCounts | None:
    return advisor.facts(plan(), sheet_digest=digest, train_pairs=8, validation_pairs=2).answers


def test_what_a_dry_run_measured_serves_the_job_on_the_same_sheet_only() -> None:
    advisor = Advisor(ScriptedBackend())
    advisor.remember("d", "m", Measured(answers=ANSWERS))
    assert facts_of(advisor) == ANSWERS
    assert facts_of(advisor, "another version") is None


def test_only_the_last_measurements_are_remembered() -> None:
    advisor = Advisor(ScriptedBackend())
    for number in range(advising._REMEMBERED + 1):
        advisor.remember(str(number), "m", Measured(answers=ANSWERS))
    assert (facts_of(advisor, "0"), facts_of(advisor, "1")) == (None, ANSWERS)


def test_a_backend_says_what_it_knows_and_what_auto_means() -> None:
    found = Advisor(Describing()).facts(plan(epochs=7), sheet_digest="d", train_pairs=8, validation_pairs=2)
    assert (found.model.machine, found.config.epochs, found.auto.epochs) == ("m with lora", 7, 1)
    nothing = Advisor(ScriptedBackend()).facts(plan(), sheet_digest="d", train_pairs=None, validation_pairs=None)
    assert nothing.model == ModelFacts()
