from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from training_pipeline.domain.workspace_access import AccessEntry
from training_pipeline.settings import Settings


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"permission_level": "CAN_VIEW"}, "must name one of"),
        ({"group_name": "a", "user_name": "b", "permission_level": "CAN_VIEW"}, "must name one of"),
        ({"group_name": "a"}, "must give permission_level"),
        ({"group_name": "a", "permission_level": "IS_OWNER"}, "CAN_MANAGE_RUN"),
        ({"group_name": "a", "model_privileges": ["SELECT"]}, "EXECUTE"),
        ({"group": "a", "permission_level": "CAN_VIEW"}, "group"),
    ],
)
def test_an_entry_that_says_too_little_or_too_much_is_refused(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AccessEntry(**entry)


def test_it_is_set_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[{"service_principal_name": "0b-1", "permission_level": "CAN_MANAGE", "model_privileges": ["EXECUTE"]}]'
    monkeypatch.setenv("TRAINING_PIPELINE_DATABRICKS_ACCESS_CONTROL_LIST", text)
    (entry,) = Settings().databricks_access_control_list
    assert (entry.principal, entry.permission_level, entry.model_privileges) == ("0b-1", "CAN_MANAGE", ("EXECUTE",))
