from __future__ import annotations

from pathlib import Path

from training_pipeline.databricks.tracking import DatabricksTracking
from training_pipeline.testing.databricks_backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.models import registry

NAME = "main.ml.triage"


def test_aliases_are_those_of_unity_catalog(tmp_path: Path) -> None:
    with serve(tmp_path) as workspace:
        tracking = DatabricksTracking(connection_to(workspace))
        assert tracking.aliases(NAME) == {}  # there is no such model
        registry(workspace).models[NAME] = []
        assert tracking.aliases(NAME) == {}
        registry(workspace).aliases[NAME] = {"champion": 3, "next": 4}
        assert tracking.aliases(NAME) == {"champion": "3", "next": "4"}
