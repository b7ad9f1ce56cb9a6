"""To be written."""

from __future__ import annotations

from starlette.routing import Route

from training_pipeline_tests.databricks_workspace.state import Workspace


def routes(workspace: Workspace) -> list[Route]:
    del workspace
    return []
