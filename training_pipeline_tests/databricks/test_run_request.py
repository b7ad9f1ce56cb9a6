from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.databricks.run_request import RunOptions, asked_training, submit_request
from training_pipeline.domain.workspace_access import AccessEntry
from training_pipeline.testing.trainers.local_backend import submission


def asked(**options: Any) -> dict[str, Any]:
    """The request for a submission, as the SDK would send it."""
    told = submission("tj-1", accelerator="GPU_1xA10", accelerator_count=1)
    request = submit_request(
        RunOptions("main.ml.training", **options), asked_training(told, "/Workspace/code"), "/Workspace/experiments"
    )
    return {
        key: [each.as_dict() for each in value] if isinstance(value, list) else value for key, value in request.items()
    }


@pytest.mark.parametrize(
    ("image", "field"),
    [("main.ml.trainer:4", "unity_catalog_image_path"), ("ours/trainer:4", "docker_image_url"), (None, None)],
)
def test_an_image_is_of_unity_catalog_or_of_a_registry(image: str | None, field: str | None) -> None:
    task = asked(image=image)["tasks"][0]["ai_runtime_task"]
    assert {key: value for key, value in task.items() if "image" in key} == ({field: image} if field else {})


def test_an_installation_says_where_runs_go_and_who_sees_them() -> None:
    access = (
        AccessEntry(group_name="reviewers", permission_level="CAN_VIEW"),
        AccessEntry(user_name="ann@example.com", model_privileges=("EXECUTE",)),
    )
    request = asked(provisioned_capacity_id="cap-1", environment_version="5", access=access, usage_policy_id="up-1")
    compute = request["tasks"][0]["ai_runtime_task"]["deployments"][0]["compute"]
    assert compute["provisioned_capacity_id"] == "cap-1"
    assert request["environments"][0]["spec"]["environment_version"] == "5"
    assert request["access_control_list"] == [{"group_name": "reviewers", "permission_level": "CAN_VIEW"}]
    assert request["usage_policy_id"] == "up-1"


def test_what_is_not_set_is_left_to_the_workspace() -> None:
    request = asked()
    assert not {"access_control_list", "usage_policy_id", "budget_policy_id"} & request.keys()
    assert "provisioned_capacity_id" not in str(request)
    assert (request["tasks"][0]["max_retries"], request["tasks"][0]["task_key"]) == (0, "fine_tuning")
