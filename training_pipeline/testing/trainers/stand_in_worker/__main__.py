"""Stands in for the training program on a worker: a tenth of a second, and everything that is looked at afterwards.

What it is to do is in the name of the model: `fails`, `hangs`, `silent` (no result), `tells` (how long its
Hugging Face token is), anything else succeeds. Of an evaluation it is in the name of the tuned model, beside which its
`evaluate.py` says how right each model is.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def call(method: str, path: str, body: object) -> Any:
    """The answer of the workspace; raises `HTTPError` where it refuses."""
    request = urllib.request.Request(
        os.environ["DATABRICKS_HOST"] + path,
        data=json.dumps(body).encode() if body is not None else None,
        method=method,
        headers={"Authorization": f"Bearer {os.environ['DATABRICKS_TOKEN']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def mlflow(path: str, body: object) -> Any:
    """The answer of the workspace's MLflow."""
    return call("POST", f"/api/2.0/mlflow/{path}", body)


def main() -> int:
    """Log a curve and leave a result: 0, or 1 after a failure."""
    told = json.loads(Path(sys.argv[2]).read_text())
    if "evaluation" in told:
        from evaluate import evaluate  # type: ignore[import-not-found]

        return int(evaluate(told))
    name, run_id = told["config"]["model_name"], os.environ["MLFLOW_RUN_ID"]
    now = int(time.time() * 1000)
    metrics = [
        {"key": key, "value": value / (step + 1), "timestamp": now + step, "step": step}
        for step in range(5)
        for key, value in (("train_loss", 4.0), ("epoch", step * (step + 1) / 4), ("tokens", 100.0))
    ]
    metrics.append({"key": "val_loss", "value": 1.5, "timestamp": now + 4, "step": 4})
    mlflow("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    status = {"step": 4, "planned_steps": 4, "epoch": 1.0, "total_epochs": 1, "eta_seconds": 0.0, "message": "done"}
    mlflow("runs/set-tag", {"run_id": run_id, "key": "training_pipeline.status", "value": json.dumps(status)})
    if name == "hangs":
        time.sleep(600)
    out = Path(told["result_dir"])
    if name == "silent":
        return 0
    out.mkdir(parents=True, exist_ok=True)
    if name == "fails":
        error = "Training ran out of memory: lower batch_size."
        why = {"error_type": "MemoryError", "code": "out_of_memory"}
        (out / "result.json").write_text(json.dumps({"status": "failed", "error": error, **why}))
        return 1
    result = {
        "status": "succeeded",
        "model_files": {"model.safetensors": "0" * 64},
        "steps": 4,
        "planned_steps": 4,
        "epochs_completed": 1.0,
        "tokens": 100,
        "duration_seconds": 0.1,
        "train_loss_first": 4.0,
        "train_loss": 0.8,
        "val_loss": 1.5,
        "custom_metrics": {"hf_token_length": float(len(os.environ["HF_TOKEN"]))} if name == "tells" else {},
    }
    result["model_dir"] = registered(told["register"], run_id) if told["register"] else f"{out}/model"
    (out / "result.json").write_text(json.dumps(result))
    return 0


def registered(model: dict[str, Any], run_id: str) -> str:
    """Register the model and version it in Unity Catalog; its URI."""
    prefix = "/api/2.0/mlflow/unity-catalog/"
    try:
        call("POST", prefix + "registered-models/create", {"name": model["name"]})
    except urllib.error.HTTPError as error:
        if error.code != 400:
            raise
    tags = [{"key": key, "value": value} for key, value in model["tags"].items()]
    asked = {"name": model["name"], "source": "/tmp/nowhere", "run_id": run_id, "tags": tags}
    version = call("POST", prefix + "model-versions/create", asked)["model_version"]["version"]
    call("POST", prefix + "model-versions/finalize", {"name": model["name"], "version": version})
    return f"models:/{model['name']}/{version}"


sys.exit(main())
