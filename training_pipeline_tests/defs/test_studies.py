"""The Launchpad job that creates a study, run as the Launchpad runs it, and the sensor."""

from __future__ import annotations

from typing import Any

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs import studies
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.study import StudyStatus
from training_pipeline.tuning import records
from training_pipeline_tests.defs.test_assets import failure
from training_pipeline_tests.defs.test_launchpad import run, run_by, shown

ASKED: dict[str, Any] = {
    "name": "s",
    "training_sheet_id": "small",
    "model_name": "triage",
    "space": {"learning_rate": "1e-4..1e-2", "batch_size": "4, 8"},
    "training_config": {"epochs": 2},
    "most_trials": 3,
    "requested_by": "ada",
}
JOB = ("create_study", "create_study_from_form")


def test_what_must_be_said_stands_first() -> None:
    schema = studies.create_study_from_form.config_schema.config_type
    assert isinstance(schema, dg.Shape)
    fields = schema.fields
    assert [*fields][:4] == ["name", "training_sheet_id", "model_name", "space"]
    assert [name for name, field in fields.items() if field.is_required] == ["name", "training_sheet_id", "model_name"]
    assert fields["cost"].description == (
        "Limit of the estimated cost of all trials, in the currency of the price list (over 0)."
    )
    assert "register_to_uc" not in fields


def test_a_study_is_created(definitions: dg.Definitions, instance: dg.DagsterInstance, services: Services) -> None:
    done = run(definitions, instance, *JOB, **ASKED)
    assert done.success
    study = records.get(services.store, "s")
    assert (study.status, study.created_by, study.request.most_trials) == (StudyStatus.RUNNING, "ada", 3)
    assert study.request.space.model_dump(exclude_none=True) == {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": False},
        "batch_size": {"step": 1, "log": False, "choices": (4, 8)},
    }
    assert study.request.job.training_config.epochs == 2
    told = shown(done)
    assert (told["study"], told["most_trials"], told["training_sheet"]) == ("s", 3, "small")
    assert told["estimate"].startswith("none: ")
    assert run(definitions, instance, *JOB, **ASKED).success  # the one that is there


def test_all_that_is_wrong_is_told_at_once(
    definitions: dg.Definitions, instance: dg.DagsterInstance, services: Services
) -> None:
    space = {"learning_rate": "1e-4..", "epochs": "..", "batch_size": "8..4"}
    said = failure(run(definitions, instance, *JOB, **{**ASKED, "space": space, "hours": -1, "name": "No Name"}))
    for pointer in ("/space/learning_rate", "/space/epochs", "/space/batch_size", "/hours", "/name"):
        assert pointer in said
    viewer = Caller("eve", Role.VIEWER, "t1")
    assert "requires the role operator" in failure(run_by(viewer, definitions, instance, *JOB, **ASKED))
    assert services.studies.page(limit=9) == ([], 0)
