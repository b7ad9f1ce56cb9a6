"""The Launchpad job that moves an alias, and how the asset shows what the gate says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import Check, Outcome
from training_pipeline.models.evaluation import records
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.training_jobs.store import lineage
from training_pipeline_tests.defs.test_assets import failure
from training_pipeline_tests.defs.test_evaluations import show, told
from training_pipeline_tests.defs.test_launchpad import run, run_by, shown
from training_pipeline_tests.models.promotion.test_promote import FILES, champion, evaluate

JOB = ("promote_model", "promote")
ASKED: dict[str, Any] = {"model_name": "triage", "version": 1}
GATE: dict[str, Any] = {"margins": {"exact_match": 0.05}}


@pytest.fixture
def jobs(services: Services, monkeypatch: pytest.MonkeyPatch) -> tuple[TrainingJob, TrainingJob]:
    """What trained versions 1 and 2 of the model `triage`, both of them clean."""
    clean = (Check(name="rows", outcome=Outcome.PASS, message="All of them."),)
    monkeypatch.setattr(ModelVersions, "verify", lambda *_: clean)
    client = services.tracking.client  # type: ignore[attr-defined]
    client.create_registered_model("triage")
    for _ in range(2):
        client.create_model_version("triage", "file:///nowhere")
    first, second = succeeded(services), succeeded(services)
    lineage.set_model(services.store, first.id, version="1", files=FILES)
    return first, second


def refused(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the failed run shows beside its sentence."""
    (failed,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failed.user_failure_data is not None
    return {name: value.value for name, value in failed.user_failure_data.metadata.items()}


def test_a_promotion_from_the_launchpad(
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    jobs: tuple[TrainingJob, TrainingJob],
    tmp_path: Path,
) -> None:
    first, second = jobs
    assert "There is no gate for champion of triage yet" in failure(run(definitions, instance, *JOB, **ASKED))
    without = run(definitions, instance, *JOB, **ASKED, gate=GATE)
    assert failure(without).startswith(
        "The gate says: not enough evidence. champion of triage stays at no version and does not go to version 1: "
        "an evaluation: this version was not evaluated"
    )
    assert refused(without)["verdict"] == "not enough evidence"
    evaluate(services, "1", 36, tmp_path)
    done = run(definitions, instance, *JOB, **ASKED, gate=GATE, requested_by="grace")
    assert (done.success, champion(services)) == (True, "1")
    said = shown(done)
    assert (said["verdict"], said["alias"], said["alias_moved"], said["decided_by"]) == (
        "ship",
        "champion",
        True,
        "grace",
    )
    assert "| exact_match measured | ship | no model is in use, and 60 pairs have a score |" in said["reasons"]
    assert said["version_page"].endswith("/train/models/triage/1")
    assert show(definitions, instance, first).success
    seen = told(instance, first)
    assert (seen["verdict"], seen["decision"], seen["decided_by"]) == ("ship", said["decision"], "grace")
    assert seen["reasons"] == said["reasons"]

    evaluate(services, "2", 12, tmp_path)
    worse = run(definitions, instance, *JOB, model_name="triage", version="2", held=1)
    assert failure(worse).startswith("The gate says: do not ship. champion of triage stays at version 1 and does not")
    assert "Traceback" not in failure(worse)
    assert (refused(worse)["verdict"], refused(worse)["alias_moved"], champion(services)) == (
        "do not ship",
        False,
        "1",
    )
    assert show(definitions, instance, second).success
    assert told(instance, second)["verdict"] == "do not ship"
    assert "moved by somebody else: it is version 1 now" in failure(
        run(definitions, instance, *JOB, model_name="triage", version=2, held=2)
    )


def test_who_may_not_promote_and_what_is_no_gate(
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    jobs: tuple[TrainingJob, TrainingJob],
    tmp_path: Path,
) -> None:
    evaluate(services, "1", 54, tmp_path)
    for role in (Role.VIEWER, Role.STEWARD):
        eve = Caller("eve", role, "t1")
        assert "requires the role operator" in failure(
            run_by(eve, definitions, instance, *JOB, **ASKED, gate=GATE, requested_by="ada")
        )
    for gate, said in (
        ({"margins": {"nothing": 0.1}}, "nothing"),
        ({"thresholds": {"exact_match": 0.5}}, "margins"),
        ({**GATE, "level": 7.0}, "level"),
    ):
        assert said in failure(run(definitions, instance, *JOB, **ASKED, gate=gate)), gate
    assert "/alias" in failure(run(definitions, instance, *JOB, **ASKED, gate=GATE, alias="not an alias"))
    assert services.promotions.of_model("triage") == []
    grace = Caller("grace", Role.OPERATOR, "t2")
    assert run_by(grace, definitions, instance, *JOB, **ASKED, gate={"margins": {"exact_match": 0.5}}).success
    (made,) = services.promotions.of_model("triage")
    assert (made.actor, champion(services)) == ("grace", "1")
    assert records.of_jobs(services.store, [jobs[0].id])[0].id == made.evaluation_id
