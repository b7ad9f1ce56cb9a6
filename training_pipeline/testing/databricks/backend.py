"""A Databricks workspace and a backend that works with it, for any test that needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from training_pipeline.databricks.backend import DatabricksBackend
from training_pipeline.databricks.base_models import DatabricksModels
from training_pipeline.databricks.run_request import RunOptions
from training_pipeline.databricks.workspace import Connection
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.jobs import jobs
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.run import Run
from training_pipeline.testing.databricks_workspace.state import Workspace

VOLUME: Final = "main.ml.training"
#: The worker that ends in a tenth of a second.
STAND_IN_WORKER: Final = Path(__file__).parents[1] / "trainers" / "stand_in_worker"


@contextmanager
def workspace_with_volume(root: Path, mlflow: MlflowServer) -> Iterator[Workspace]:
    """A workspace with one volume, whose MLflow is shared: it takes long to start."""
    with serve(root) as workspace:
        workspace.parts["mlflow"].share(mlflow)
        workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        yield workspace


def connection_to(
    workspace: Workspace, *, http_timeout: int = 10, retry_timeout: int = 3, options: Mapping[str, Any] | None = None
) -> Connection:
    """A connection with the workspace's token, whatever the environment says."""
    given = {"host": workspace.url, "token": next(iter(workspace.tokens)), "auth_type": "pat", **(options or {})}
    return Connection(http_timeout, retry_timeout, given)


def backend_of(
    workspace: Workspace,
    *,
    program: Path | None = STAND_IN_WORKER,
    options: Mapping[str, Any] | None = None,
    scores: Path | None = None,
    **connection: Any,
) -> DatabricksBackend:
    """A backend whose programs are stand-ins unless said otherwise; `scores` is where it keeps those of evaluations."""
    chosen = RunOptions(**{"volume": VOLUME, "accelerator": "GPU_1xA10", **(options or {})})
    return DatabricksBackend(chosen, connection_to(workspace, **connection), DatabricksModels(), program, scores=scores)


def runs_of(workspace: Workspace) -> list[Run]:
    """Every run that was ever submitted, in order."""
    return list(jobs(workspace).runs.values())
