"""The program on a GPU worker of Databricks: make sure that its model can be kept, fetch the dataset, train, register.

What a worker has is set up for a run and gone with it, so everything that is to stay goes to the volume, to MLflow and
to Unity Catalog. `python -m training_pipeline.sft --worker FILE`; the file says where things are. Where it speaks of an
evaluation, models answer questions instead (`evaluation_worker.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import program
from ..errors import BAD_CONFIG, FAILED, STOPPED, SUCCEEDED, TrainingFailed, explain, scrubbed_traceback
from ..output import Masked
from ..stop import LastWord
from .machine import mlflow_target, require_gpus
from .registry_check import release, require_registry
from .volume import ended, fetched, put, require_volume, stopped_result


def main(arguments: list[str]) -> int:
    """Do what the one argument, a JSON file, says; returns the exit code of the training program."""
    os.umask(0o077)
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m training_pipeline.sft --worker FILE\n")
        return BAD_CONFIG
    told = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    result_dir = Path(told["result_dir"])
    # Volumes take whole files written from start to end, so the program works on the worker's own disk.
    work = Path(tempfile.mkdtemp(prefix="training-"))
    with contextlib.redirect_stderr(Masked(sys.stderr)):
        if "evaluation" not in told:
            return _worked(told, result_dir, work)
        from .evaluation_worker import worked

        return worked(told, result_dir, work)


def _worked(told: dict[str, Any], result_dir: Path, work: Path) -> int:
    name = told["register"]["name"] if told["register"] else None
    made = False

    def end(result: dict[str, Any], code: int) -> int:
        if made and code != SUCCEEDED:
            release(str(name))
        return ended(result, code, result_dir, work)

    with LastWord(lambda: end(stopped_result(work / "run"), STOPPED)).listening():
        try:
            require_volume(result_dir)
            gpus = _require_gpus(told)
            made = name is not None and require_registry(name)
            # A model of several GPUs is divided among all that were paid for, whether or not one would hold it.
            config = _fetched(told, work, sharding="always" if gpus > 1 else "auto")
            code = program.main([str(config)])
            result = _result(work / "run")
            if result.get("code") == "base_model_unloadable":
                result["error"] += _secrets_missing(told.get("secrets") or {})
            if code == SUCCEEDED:
                _keep(told, result, work, result_dir)
                _keep_answers(result, work, result_dir)
        except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
            sys.stderr.write(scrubbed_traceback(error))
            failure = explain(error, work)
            result = {"status": "failed", **asdict(failure)}
            code = FAILED
        return end(result, code)


def _fetched(told: dict[str, Any], work: Path, *, sharding: str) -> Path:
    """The program's configuration, with the dataset on this worker's disk and proved to be what was uploaded."""
    config = {**told["config"], "run_dir": str(work / "run"), "sharding": sharding, "mlflow": mlflow_target()}
    for key, file in told["files"].items():
        config[key] = str(fetched(file, work / Path(file["path"]).name))
        config[key.replace("_file", "_sha256")] = file["sha256"]  # the trainer reads the file again
    path = work / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _require_gpus(told: dict[str, Any]) -> int:
    """The GPUs of this machine; raises `TrainingFailed` where it has fewer than were asked for.

    Without any only the built-in model is trained, which proves the pipeline.
    """
    return require_gpus(told, told["config"].get("base_model"))


def _secrets_missing(named: dict[str, str]) -> str:
    """A sentence about the variables that a secret was named for, and that this worker was not given."""
    missing = [f"{name} of the secret {secret}" for name, secret in named.items() if not os.environ.get(name)]
    if not missing:
        return ""
    return f" The worker was not given {', '.join(missing)}: grant READ on its scope to whom the pipeline runs as."


def _result(run: Path) -> dict[str, Any]:
    path = run / "result.json"
    if not path.exists():
        return {"status": "failed", "error": "The training program left no result.", "error_type": "NoResult"}
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def _keep(told: dict[str, Any], result: dict[str, Any], work: Path, result_dir: Path) -> None:
    """Register the model, or copy it to the volume where that is not wanted or fails."""
    model = work / "run" / result["model_dir"]
    registered = told["register"]
    if registered is None:
        result["model_dir"] = _copied(model, result_dir)
        return
    from .register import register

    base = told["config"]["base_model"]
    try:
        version = register(
            model,
            registered["name"],
            run_id=os.environ.get("MLFLOW_RUN_ID"),
            tags=registered["tags"],
            description=f"Fine-tuned from {base}.",
            work=work,
        )
    except Exception as error:
        why = f"{registered['name']}: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200].rstrip('.')}"
        try:
            where = _copied(model, result_dir)
        except TrainingFailed as refused:
            lost = f"The model was trained and is lost with the worker, for it could not be registered as {why}"
            raise TrainingFailed("model_lost", f"{lost}. {refused}", recurs=False) from error
        kept = f"The model was trained and is kept in {where}, but could not be registered as {why}"
        raise TrainingFailed("not_registered", kept, recurs=False) from error
    result |= {"model_dir": f"models:/{registered['name']}/{version}", "registered_version": version}


def _keep_answers(result: dict[str, Any], work: Path, result_dir: Path) -> None:
    """Copy what the model answered to the volume, and the losses of pairs; where that fails the result names none.

    For the model is there.
    """
    for named in ("samples_file", "losses_file"):
        if not result.get(named):
            continue
        try:
            put(work / "run" / result[named], result_dir / result[named])
        except TrainingFailed as refused:
            sys.stderr.write(f"{result[named]} could not be kept: {refused}\n")
            result[named] = None


def _copied(model: Path, result_dir: Path) -> str:
    target = result_dir / "model"
    for path in sorted(model.rglob("*")):
        if path.is_file():
            put(path, target / path.relative_to(model))
    return str(target)
