"""The forms of the Launchpad, and the jobs behind them, run as the Launchpad runs them."""

from __future__ import annotations

from typing import Any

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.launchpad import UNCHANGED, changed, form, stated
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.launched_by import tags_of
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.testing.system.dagster_runs import create
from training_pipeline_tests.defs.test_assets import failure

ADA = "ada@example.org"


def test_every_field_of_a_request_is_in_the_form_with_one_line_of_help() -> None:
    fields = form(TrainingConfig)
    assert list(fields) == list(TrainingConfig.model_fields)
    for name, field in {**fields, **form(JobRequest, left_out=["training_config"])}.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert "\n" not in field.description, name
    assert fields["epochs"].description == "Number of passes over the training split (1 to 50, or auto)."
    assert fields["lora_dropout"].description == "LoRA: dropout in the adapters (0 to 0.9)."
    assert fields["max_grad_norm"].description == "Maximum norm for gradient clipping (over 0, at most 100)."
    assert fields["seed"].default_value == 42


def test_choices_are_choices_and_every_default_can_be_seen() -> None:
    for fields in (form(TrainingConfig), form(TrainingConfig, changes=True)):
        assert all(field.default_provided and field.default_value is not None for field in fields.values())
    method = form(TrainingConfig)["method"].config_type
    assert isinstance(method, dg.Enum)
    assert [value.config_value for value in method.enum_values] == ["auto", "full", "lora"]
    again = form(TrainingConfig, changes=True)["lr_scheduler"].config_type
    assert isinstance(again, dg.Enum)
    assert [value.config_value for value in again.enum_values] == [UNCHANGED, "cosine", "linear", "constant"]
    required = [name for name, field in form(JobRequest, left_out=["training_config"]).items() if field.is_required]
    assert required == ["training_sheet_id", "model_name"]


def test_only_what_a_person_said_is_asked_for() -> None:
    defaults = {name: field.default_value for name, field in form(TrainingConfig).items()}
    assert stated(defaults, TrainingConfig) == {}
    assert stated({**defaults, "epochs": 3, "method": "lora"}, TrainingConfig) == {"epochs": 3, "method": "lora"}
    assert changed({"epochs": UNCHANGED, "seed": 42, "method": "auto"}, TrainingConfig) == {
        "seed": 42,
        "method": "auto",
    }


def test_a_number_that_yaml_reads_as_a_text_is_a_number() -> None:
    assert stated({"learning_rate": "1e-4", "epochs": "3", "method": "auto"}, TrainingConfig) == {
        "learning_rate": 1e-4,
        "epochs": 3,
    }
    assert changed({"learning_rate": "5e-5", "epochs": UNCHANGED}, TrainingConfig) == {"learning_rate": 5e-5}
    assert stated({"training_sheet_id": "12", "model_name": "7"}, JobRequest) == {
        "training_sheet_id": "12",
        "model_name": "7",
    }


def run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, op: str, **config: Any
) -> dg.ExecuteInProcessResult:
    return run_by(None, definitions, instance, job, op, **config)


def run_by(
    caller: Caller | None, definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, op: str, **config: Any
) -> dg.ExecuteInProcessResult:
    """The run that somebody who had logged in launched."""
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config={"ops": {op: {"config": config}}},
        raise_on_error=False,
        tags=tags_of(caller) if caller else {},
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the op's output shows."""
    event = next(event for event in result.all_events if event.is_successful_output)
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


ASKED = {"training_sheet_id": "small", "model_name": "triage", "requested_by": ADA}


def test_create_says_which_job_it_made_and_tags_its_run(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    done = run(definitions, instance, "create_training_job", "create", **ASKED, training_config={"epochs": 3})
    (job,), _ = services.jobs.list()
    assert (job.created_by, job.request.requested_config, job.status) == (ADA, {"epochs": 3}, JobStatus.PENDING)
    assert shown(done)["training_job"] == job.id
    tags = instance.get_run_by_id(done.run_id).tags  # type: ignore[union-attr]
    assert {name.partition("/")[2]: value for name, value in tags.items() if name.startswith("training_pipeline/")} == {
        "job_id": job.id,
        "training_sheet": "small",
        "model": "triage",
        "backend": "local",
        "requested_by": ADA,
    }


def test_a_dry_run_says_what_would_happen_and_stores_nothing(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    done = run(definitions, instance, "create_training_job", "create", **ASKED, dry_run=True)
    assert (shown(done)["train_pairs"], shown(done)["validation_pairs"]) == (32, 8)
    assert services.jobs.list()[1] == 0


def test_all_that_is_wrong_with_a_request_ends_the_run_in_sentences(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    asked = {**ASKED, "model_name": "No Name", "train_val_split": 0.99, "training_config": {"epochs": 99}}
    said = failure(run(definitions, instance, "create_training_job", "create", **asked))
    for pointer in ("/model_name", "/train_val_split", "/training_config/epochs"):
        assert pointer in said
    assert "Traceback" not in said
    assert services.jobs.list()[1] == 0


def test_who_logged_in_is_who_asks_whatever_the_form_says(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    grace = Caller("grace", Role.OPERATOR, "t1")
    run_by(grace, definitions, instance, "create_training_job", "create", **ASKED)
    (own,), _ = services.jobs.list()
    assert own.created_by == "grace"
    other = create(services)
    for job, op in (("cancel_training_job", "cancel"), ("retry_training_job", "retry")):
        said = failure(run_by(grace, definitions, instance, job, op, job_id=other.id, requested_by=other.created_by))
        assert f"belongs to {other.created_by}; grace needs the role admin" in said
    assert services.store.get(other.id).status is JobStatus.PENDING
    run_by(grace, definitions, instance, "cancel_training_job", "cancel", job_id=own.id)
    assert services.store.get(own.id).cancellation.requested_by == "grace"
    root = Caller("root", Role.ADMIN, "t2")
    run_by(root, definitions, instance, "cancel_training_job", "cancel", job_id=other.id, requested_by="nobody")
    assert services.store.get(other.id).cancellation.requested_by == "root"


def test_viewers_create_nothing(services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    viewer = Caller("eve", Role.VIEWER, "t1")
    assert "requires the role operator" in failure(
        run_by(viewer, definitions, instance, "create_training_job", "create", **ASKED)
    )
    assert services.jobs.list()[1] == 0


def test_where_nobody_logs_in_nobody_has_to_say_who_they_are(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    run(definitions, instance, "create_training_job", "create", training_sheet_id="small", model_name="triage")
    (job,), _ = services.jobs.list()
    assert job.created_by == services.settings.local_user


def test_cancel_and_retry_name_who_asked(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services, training_config={"epochs": 2, "seed": 7})
    asked = {"job_id": job.id, "requested_by": ADA}
    assert run(definitions, instance, "cancel_training_job", "cancel", **asked, reason="wrong sheet").success
    now = services.store.get(job.id)
    assert (now.status, now.cancellation.requested_by, now.cancellation.reason) == (
        JobStatus.CANCELLED,
        ADA,
        "wrong sheet",
    )
    config = {"epochs": "auto", "learning_rate": 5e-5}
    done = run(definitions, instance, "retry_training_job", "retry", **asked, training_config=config)
    again = services.store.get(shown(done)["training_job"])
    assert (again.retry_of, again.attempt, again.created_by) == (job.id, 2, ADA)
    assert again.request.requested_config == {"epochs": "auto", "seed": 7, "learning_rate": 5e-5}
    said = failure(run(definitions, instance, "retry_training_job", "retry", job_id=again.id, requested_by=ADA))
    assert "is pending" in said
