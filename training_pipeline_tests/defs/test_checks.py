"""Each asset check, failed: it is on record, and what it blocks does not happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.datasets.verify import Finding
from training_pipeline.definitions import build
from training_pipeline.defs.checks import of_trained_tokens
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create, finish, launch
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline_tests.defs.test_assets import checks, failure

BROKEN = Finding(checked=40, broken=2, pair_ids=("p-0001", "p-0002"))


@pytest.mark.parametrize(
    ("step", "check", "asset"),
    [
        ("gate_failures", "no_pair_fails_a_gate", "governed_pairs"),
        ("held_out_in_train", "no_held_out_prompt_in_train", "train_split"),
        ("torn_ties", "no_component_torn", "train_split"),
    ],
)
def test_a_broken_promise_of_governance_stops_the_job_before_anything_is_submitted(
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    check: str,
    asset: str,
) -> None:
    monkeypatch.setattr(services.launcher, step, lambda *_: BROKEN)
    job = create(services)
    result = launch(services, definitions, instance, job)
    assert not result.success
    assert checks(instance, result)[check] is False
    evaluation = next(one for one in result.get_asset_check_evaluations() if one.check_name == check)
    assert evaluation.blocking
    assert evaluation.metadata["pair_ids"].value == "p-0001, p-0002"
    assert "p-0001" in failure(result)
    now = services.store.get(job.id)
    assert (now.status, (now.error_details or {})["code"]) == (JobStatus.FAILED, "gate_refused")
    assert services.backend.find(job.id, job.attempt) is None
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[job.id])
    assert instance.fetch_materializations(wanted, limit=1).records == []


def run(services: Services, instance: dg.DagsterInstance, **request: Any) -> tuple[Any, dg.ExecuteInProcessResult]:
    """A job and its finalize run."""
    write_sheet(services.settings.sheets, "small", rows(40))
    definitions = build(services.settings, lambda: services)
    job = create(services, **request)
    assert launch(services, definitions, instance, job).success
    return job, finish(services, definitions, instance, job)


def test_a_value_that_is_no_number_warns_and_the_job_succeeds(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    with stand_in_services(settings, database, nan_at_step=2) as services:
        job, result = run(services, instance)
        assert result.success
        found = {one.check_name: one for one in result.get_asset_check_evaluations()}
        warned = found["metrics_finite_and_loss_lower"]
        assert (warned.passed, warned.severity, warned.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
        assert warned.metadata["not_finite"].value == 1
        assert found["provenance_equals_lineage_record"].passed
        assert services.store.get(job.id).status is JobStatus.SUCCEEDED


def test_an_example_without_a_trained_token_is_red_on_its_check(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    said = "train.jsonl: 1 of 32 examples have nothing to train on (line 3)."
    with stand_in_services(settings, database, fail=said, fail_type="NothingToTrain") as services:
        job, result = run(services, instance)
        assert checks(instance, result) == {"trained_tokens_in_every_example": False}
        assert said in failure(result)
        assert services.store.get(job.id).status is JobStatus.FAILED


@pytest.mark.parametrize(
    ("tokens", "examples", "passed", "severity"),
    [
        (100, 32, True, dg.AssetCheckSeverity.ERROR),
        (31, 32, False, dg.AssetCheckSeverity.ERROR),
        (None, 32, False, dg.AssetCheckSeverity.WARN),
        (100, None, False, dg.AssetCheckSeverity.WARN),
    ],
)
def test_counts_that_the_trainer_does_not_say_are_no_counts(
    tokens: int | None, examples: int | None, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    found = of_trained_tokens(tokens, examples)
    assert (found.passed, found.severity) == (passed, severity)


def test_a_model_whose_files_were_changed_is_not_a_success(
    services: Services, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = services.finalizer.register

    def register_then_change(job: Any, result: Any) -> Any:
        done = register(job, result)
        (Path(result.model_dir) / "model.safetensors").write_bytes(b"another model")
        return done

    monkeypatch.setattr(services.finalizer, "register", register_then_change)
    job, result = run(services, instance)
    assert checks(instance, result)["model_registered_and_files_match"] is False
    assert "model.safetensors differs from what was trained" in failure(result)
    assert services.store.get(job.id).status is JobStatus.RUNNING, "another attempt follows"


def test_records_that_disagree_are_not_a_success(
    services: Services, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = services.finalizer.tags
    lie = {"training_pipeline.prompt_template": "another@v1"}
    monkeypatch.setattr(services.finalizer, "tags", lambda job: {**tags(job), **lie})
    job, result = run(services, instance)
    assert checks(instance, result)["provenance_equals_lineage_record"] is False
    assert "MLflow says 'another@v1'" in failure(result)
    assert services.store.get(job.id).status is JobStatus.RUNNING, "another attempt follows"
