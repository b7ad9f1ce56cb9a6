"""Register the fine-tuned model as a version of a model in Unity Catalog, from inside the run that trained it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_EXISTS: Final = "RESOURCE_ALREADY_EXISTS"
_REQUIREMENTS: Final = ("torch", "transformers", "accelerate", "pandas")


def register(
    model_dir: Path, name: str, *, run_id: str | None, tags: Mapping[str, str], description: str, work: Path
) -> str:
    """The version of `name` that this run registered, made where there is none yet. Writes to the registry and `work`.

    The model's files are uploaded by the MLflow client; the version is ready when this returns.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(registry_uri="databricks-uc")
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code not in {_EXISTS, "ALREADY_EXISTS"}:
            raise
    for version in client.search_model_versions(f"name = '{name}'"):
        if run_id is not None and version.run_id == run_id and version.status == "READY":
            return str(version.version)
    source = _packed(model_dir, work / "mlflow-model")
    made = client.create_model_version(name, str(source), run_id=run_id, tags=dict(tags), description=description)
    return str(made.version)


def _packed(model_dir: Path, target: Path) -> Path:
    """The model in MLflow's own form, with the signature that Unity Catalog asks for: chats in, answers out."""
    from importlib.metadata import version

    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, Object, Property

    text, optional = DataType.string, {"required": False}
    function = Object([Property("name", text), Property("arguments", text)])
    call = Object(
        [Property("id", text, **optional), Property("type", text, **optional), Property("function", function)]
    )
    message = Object(
        [
            Property("role", text),
            Property("content", text, **optional),
            Property("name", text, **optional),
            Property("tool_calls", Array(call), **optional),
            Property("tool_call_id", text, **optional),
        ]
    )
    signature = ModelSignature(
        inputs=Schema([ColSpec(Array(message), "messages"), ColSpec(text, "tools", required=False)]),
        outputs=Schema([ColSpec(DataType.string)]),
        params=ParamSchema([ParamSpec("max_new_tokens", DataType.long, 256)]),
    )
    shutil.rmtree(target, ignore_errors=True)
    plain_text = Path(__file__).parents[1] / "encoding" / "plain_text.py"
    options: dict[str, Any] = {
        "python_model": str(Path(__file__).with_name("served_chat.py")),
        "artifacts": {"model": str(model_dir), "plain_text": str(plain_text)},
        "signature": signature,
        "pip_requirements": [f"{name}=={version(name)}" for name in _REQUIREMENTS],
    }
    mlflow.pyfunc.save_model(path=str(target), **options)
    return target
