"""The command that makes a request for a training job."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

#: The options of `jobs create` for fields of a request that are a text or a number.
_OPTIONS: Final = {
    "model_name": "--model-name",
    "base_model": "--base-model",
    "train_val_split": "--split",
    "split_seed": "--split-seed",
    "split_predecessor": "--split-predecessor",
    "uc_catalog": "--uc-catalog",
    "uc_schema": "--uc-schema",
}


def create_command(request: Mapping[str, Any]) -> str:
    """`jobs create` with all that the request states, to be pasted into a shell."""
    words = ["training-pipeline", "jobs", "create"]
    for name, option in _OPTIONS.items():
        if name in request:
            words += [option, str(request[name])]
    words += ["--fresh-split"] if request.get("fresh_split") else []
    words += ["--no-register"] if not request.get("register_to_uc", True) else []
    for tag in request.get("tags", ()):
        words += ["--tag", tag]
    for key, value in request.get("training_config", {}).items():
        words += ["--config", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join([*words, "--", request["training_sheet_id"]])
