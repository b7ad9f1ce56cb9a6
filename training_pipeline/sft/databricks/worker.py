"""The program on a GPU worker of Databricks: make sure that its model can be kept, fetch the dataset, train, register.

What a worker has is set up for a run and gone with it, so everything that is to stay goes to the volume, to MLflow and
to Unity Catalog. `python -m training_pipeline.sft --worker FILE`; the file says where things are. Where it speaks of an
evaluation, models answer questions instead (`evaluation_worker.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import program
from ..config import BUILTIN_TINY
from ..errors import BAD_CONFIG, FAILED, STOPPED, SUCCEEDED, TrainingFailed, explain, scrubbed_traceback
from ..output import Masked, without_secrets
from ..run_dir import finite, read_json
from ..stop import STOPS, LastWord
from .registry_check import release, require_registry


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
            if code == SUCCEEDED:
                _keep(told, result, work, result_dir)
                _keep_answers(result, work, result_dir)
        except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
            sys.stderr.write(scrubbed_traceback(error))
            failure = explain(error, work)
            result = {"status": "failed", **asdict(failure)}
            code = FAILED
        return end(result, code)


def ended(result: dict[str, Any], code: int, result_dir: Path, work: Path) -> int:
    """Leave the result in the volume and nothing on this worker; the exit code. Once begun, no stop interrupts it."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    try:
        leave(result_dir / "result.json", result)
    except OSError as error:
        sys.stderr.write(f"No result could be left in {result_dir}: {type(error).__name__}: {error.strerror}\n")
        code = code or FAILED
    shutil.rmtree(work, ignore_errors=True)
    return code


def stopped_result(run: Path) -> dict[str, Any]:
    """The result of a run that is stopped at once: what the program told, if it had begun. Reads."""
    result: dict[str, Any] = read_json(run / "result.json") or {"status": "stopped"}
    return result


def require_volume(result_dir: Path) -> None:
    """Raise `TrainingFailed` where the result could not be left in the volume. Writes there, and takes it away."""
    probe = result_dir / "is-writable"
    try:
        result_dir.mkdir(parents=True, exist_ok=True)
        probe.write_text("yes")
        probe.unlink()
    except OSError as error:
        raise TrainingFailed(
            f"The worker cannot write to {result_dir} ({error.strerror or type(error).__name__}): grant WRITE VOLUME "
            "on its volume to whom the pipeline runs as."
        ) from error


def _fetched(told: dict[str, Any], work: Path, *, sharding: str) -> Path:
    """The program's configuration, with the dataset on this worker's disk and proved to be what was uploaded."""
    config = {**told["config"], "run_dir": str(work / "run"), "sharding": sharding, "mlflow": mlflow_target()}
    for key, file in told["files"].items():
        config[key] = str(fetched(file, work / Path(file["path"]).name))
        config[key.replace("_file", "_sha256")] = file["sha256"]  # the trainer reads the file again
    path = work / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def fetched(file: Mapping[str, str], target: Path) -> Path:
    """A file of the volume on this worker's disk. Raises `OSError` where it is not the one that was uploaded."""
    source = Path(file["path"])
    shutil.copyfile(source, target)
    with target.open("rb") as copy:
        digest = hashlib.file_digest(copy, "sha256").hexdigest()
    if digest != file["sha256"]:
        raise OSError(f"{source} is not the file that was uploaded: its SHA-256 is {digest}")
    return target


def _require_gpus(told: dict[str, Any]) -> int:
    """The GPUs of this machine; raises `TrainingFailed` where it has fewer than were asked for.

    Without any only the built-in model is trained, which proves the pipeline.
    """
    return require_gpus(told, told["config"].get("base_model"))


def require_gpus(told: dict[str, Any], base_model: str | None) -> int:
    """The GPUs of this machine; raises `TrainingFailed` where it has fewer than were asked for.

    Without any only the built-in model does.
    """
    found, wanted = _gpus(), told.get("gpus") or 0
    if found < wanted and (found or base_model != BUILTIN_TINY):
        raise TrainingFailed(
            f"The worker has {found} GPUs, and {wanted} were requested: it would be slower than what is paid for, or "
            "not work at all. Ask for it again; if it recurs, the image lacks CUDA or the accelerator is another one."
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
        where = _copied(model, result_dir)
        raise OSError(
            f"The model was trained and is kept in {where}, but could not be registered as {registered['name']}: "
            f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
        ) from error
    result |= {"model_dir": f"models:/{registered['name']}/{version}", "registered_version": version}


def _keep_answers(result: dict[str, Any], work: Path, result_dir: Path) -> None:
    """Copy what the model answered to the volume, and the losses of pairs; where that fails the result names none.

    For the model is there.
    """
    for named in ("samples_file", "losses_file"):
        if not result.get(named):
            continue
        try:
            result_dir.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(work / "run" / result[named], result_dir / result[named])
        except OSError as error:
            sys.stderr.write(f"{result[named]} could not be kept: {type(error).__name__}: {error.strerror}\n")
            result[named] = None


def _copied(model: Path, result_dir: Path) -> str:
    target = result_dir / "model"
    for path in sorted(model.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(model)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return str(target)


def leave(path: Path, result: dict[str, Any]) -> None:
    """Tell in the volume how the run ended, without secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(without_secrets(json.dumps(finite(result), allow_nan=False)), encoding="utf-8")
