"""What a worker was set up with: its GPUs, and the run in MLflow."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..config import BUILTIN_TINY
from ..errors import TrainingFailed


def require_gpus(told: dict[str, Any], base_model: str | None) -> int:
    """The GPUs of this machine; raises `TrainingFailed` where it has fewer than were asked for.

    Without any only the built-in model does.
    """
    found, wanted = _gpus(), told.get("gpus") or 0
    if found < wanted and (found or base_model != BUILTIN_TINY):
        raise TrainingFailed(
            "gpus_missing",
            f"The worker has {found} GPUs, and {wanted} were requested: it would be slower than what is paid for, or "
            "not work at all. Ask for it again; if it recurs, the image lacks CUDA or the accelerator is another one.",
        )
    return found


def _gpus() -> int:
    """The GPUs of this machine."""
    import torch

    return torch.cuda.device_count()


def mlflow_target() -> dict[str, str] | None:
    """The MLflow run that was made for this run; null, and no curves, where the platform made none."""
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if not run_id:
        sys.stderr.write("MLFLOW_RUN_ID is not set: the metrics of this run are not logged to MLflow.\n")
        return None
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "databricks"
    return {"tracking_uri": uri, "experiment_id": os.environ.get("MLFLOW_EXPERIMENT_ID") or "-", "run_id": run_id}
