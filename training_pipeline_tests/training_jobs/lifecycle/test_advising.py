from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.backends.plan import Plan
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.domain.advice.facts import AnswerCounts, ModelFacts
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.testing.jobs.advice_facts import config, lengths
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.training_jobs.lifecycle.advising import Advisor, Measured

ANSWERS = AnswerCounts(answers=10, different=2, most_frequent=9)


def plan(**values: object) -> Plan:
    return Plan(base_model="m", config=config(**values))


class Describing(ScriptedBackend):
    """Knows something of its models."""

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:
        return ModelFacts(family="qwen", machine=f"{base_model} with {config.method}")


@pytest.fixture
def findings(tmp_path: Path) -> SheetFindings:
    return SheetFindings(tmp_path / "kept", GatePolicy())


def test_what_a_dry_run_measured_serves_the_job_on_the_same_sheet_only(findings: SheetFindings) -> None:
    """In another process, too: the job is created by a command of its own."""
    measured = Measured(answers=ANSWERS, lengths=lengths(3, 5), lengths_estimated=True)
    Advisor(ScriptedBackend(), findings).remember(measured, "d", "m", NOTHING)
    later = Advisor(ScriptedBackend(), findings)
    assert later.remembered("d", "m", NOTHING) == measured
    withdrawn = Withdrawn(named=(("pair", "p"),))
    for other in (("another version", "m", NOTHING), ("d", "another model", NOTHING), ("d", "m", withdrawn)):
        assert later.remembered(*other) == Measured()


def test_what_cannot_be_kept_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kept").write_text("no directory")
    advisor = Advisor(ScriptedBackend(), SheetFindings(tmp_path / "kept", GatePolicy()))
    advisor.remember(Measured(answers=ANSWERS), "d", "m", NOTHING)
    assert "could not be kept" in caplog.text


def test_a_backend_says_what_it_knows_and_what_auto_means(findings: SheetFindings) -> None:
    describing = Advisor(Describing(), findings)
    found = describing.facts(plan(epochs=7), Measured(answers=ANSWERS), train_pairs=8, validation_pairs=2)
    assert (found.model.machine, found.config.epochs, found.auto.epochs) == ("m with lora", 7, 1)
    assert found.answers == ANSWERS
    nothing = Advisor(ScriptedBackend(), findings).facts(plan(), Measured(), train_pairs=None, validation_pairs=None)
    assert nothing.model == ModelFacts()
