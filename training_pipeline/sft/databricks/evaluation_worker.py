"""An evaluation on a GPU worker of Databricks: fetch models and questions, have them answered, leave the scores.

Everything is proved to be what is on record before the first answer. The questions are taken out of the volume as soon
as they are on this worker's disk, and from there with the end of the program. What is left in the volume is numbers
under the ids of pairs, and how the run ended.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ..errors import FAILED, STOPPED, SUCCEEDED, TrainingFailed, explain, scrubbed_traceback
from ..evaluation import run as evaluation
from ..integrity import folder_sha256
from ..run_dir import RunDir, read_json
from ..stop import LastWord
from .machine import mlflow_target, require_gpus
from .volume import ended, fetched, put, require_volume, stopped_result

#: How a model of Unity Catalog is named.
REGISTERED: Final = "models:/"
#: Where the files of the model are in what is registered, which is a model of MLflow's.
_WITHIN: Final = Path("artifacts") / "model"
#: Seconds between two words to MLflow about how far the evaluation is.
_TOLD_SECONDS: Final = 5.0
#: The tag of the run that says it; see `training.mlflow_mirror`.
_STATUS_TAG: Final = "training_pipeline.status"


def worked(told: dict[str, Any], result_dir: Path, work: Path) -> int:
    """Do what the file of the worker says of an evaluation; the exit code. Every ending is told in the volume."""
    run = work / "run"
    staged = Path(told["evaluation"]["questions"]["path"])

    def end(result: dict[str, Any], code: int) -> int:
        _forget(staged)
        return ended(result, code, result_dir, work)

    with LastWord(lambda: end(stopped_result(run), STOPPED)).listening():
        try:
            require_volume(result_dir)
            require_gpus(told, told["evaluation"]["base_model"])
            config = _fetched(told["evaluation"], work)
            with _telling(run):
                code = evaluation.main([str(config)])
            result = read_json(run / "result.json") or _without_result()
            if code == SUCCEEDED:
                _keep(result, run, result_dir)
        except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
            sys.stderr.write(scrubbed_traceback(error))
            result, code = {"status": "failed", **asdict(explain(error, work))}, FAILED
        return end(result, code)


def _without_result() -> dict[str, Any]:
    return {"status": "failed", "error": "The evaluation left no result.", "error_type": "NoResult"}


def _fetched(asked: Mapping[str, Any], work: Path) -> Path:
    """The program's configuration, with models and questions on this worker's disk and proved to be those on record.

    The models come first: where one of them is another one, no question is even read.
    """
    models = [_model(dict(model), work / "models" / model["role"]) for model in asked["models"]]
    run = RunDir(work / "run")
    run.create()
    fetched(asked["questions"], run.path / evaluation.QUESTIONS)
    _forget(Path(asked["questions"]["path"]))
    config = work / "config.json"
    config.write_text(json.dumps({"run_dir": str(run.path), "models": models}), encoding="utf-8")
    return config


def _model(model: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The model with its files on this disk, compared with those on record; one of the Hub is loaded by its commit."""
    source = str(model["source"])
    if source.startswith(REGISTERED):
        model["source"] = str(_checked(_downloaded(source, folder), model, source))
    elif source.startswith("/"):
        if not Path(source).is_dir():
            raise TrainingFailed(
                "model_not_found",
                f"The {model['role']} model is not in {source}, or may not be read there: restore it, or grant READ "
                "VOLUME on its volume to whom the pipeline runs as.",
            )
        shutil.copytree(source, folder)
        model["source"] = str(_checked(folder, model, source))
    elif model.get("built_in"):
        built_in = dict(model["built_in"])
        folder.mkdir(parents=True)
        train = fetched(built_in.pop("train"), folder / "train.jsonl")
        model["built_in"] = {**built_in, "train_file": str(train)}
    return model


def _downloaded(source: str, folder: Path) -> Path:
    """The files of a registered model. Raises `TrainingFailed` in a sentence that says what is missing."""
    import mlflow
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    mlflow.set_registry_uri("databricks-uc")
    folder.mkdir(parents=True)
    try:
        found = Path(download_artifacts(artifact_uri=source, dst_path=str(folder))) / _WITHIN
    except MlflowException as error:
        said = (str(error).splitlines() or [""])[0][:200]
        name = source.removeprefix(REGISTERED).partition("/")[0]
        raise TrainingFailed(
            "registry_refused",
            f"The worker cannot fetch {source} from Unity Catalog ({error.error_code}: {said}): grant EXECUTE on {name}"
            " and USE CATALOG and USE SCHEMA above it to whom the pipeline runs as, and see that the version is there.",
        ) from error
    if not found.is_dir():
        raise TrainingFailed(
            "model_not_found",
            f"{source} has no folder {_WITHIN}, so it was not registered by this pipeline, or not whole: evaluate "
            "another version.",
        )
    return found


def _checked(folder: Path, model: Mapping[str, Any], source: str) -> Path:
    """The folder; raises `TrainingFailed` where it does not hold the files on record, by name and SHA-256."""
    expected = model.get("files")
    if expected is None:
        return folder
    found = folder_sha256(folder)
    changed = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise TrainingFailed(
            "model_changed",
            f"The {model['role']} model in {source} is not the one on record (changed, added or gone: {shown}), so its "
            "answers would be those of another model. Nothing was asked: restore these files, or evaluate another "
            "version.",
        )
    return folder


def _forget(questions: Path) -> None:
    """Take the questions out of the volume. Where that fails, whoever submitted the run does it at its end."""
    try:
        questions.unlink(missing_ok=True)
    except OSError as error:
        sys.stderr.write(f"The questions could not be removed from the volume: {type(error).__name__}.\n")


def _keep(result: dict[str, Any], run: Path, result_dir: Path) -> None:
    """Copy the scores to the volume."""
    for scores in result["scores"].values():
        put(run / scores["file"], result_dir / scores["file"])


@contextmanager
def _telling(run: Path) -> Iterator[None]:
    """While this lasts, the MLflow run says every few seconds how far the evaluation is. Never raises of itself."""
    target = mlflow_target()
    if target is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_tell, args=(target, run / "status.json", over.wait), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2 * _TOLD_SECONDS)


def _tell(target: Mapping[str, str], status: Path, waited: Callable[[float], bool]) -> None:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=target["tracking_uri"])
    ended = False
    while not ended:
        ended = waited(_TOLD_SECONDS)
        with suppress(Exception):  # it is only told: nothing hangs on it, and it is told again
            if status.exists():
                client.set_tag(target["run_id"], _STATUS_TAG, status.read_text(encoding="utf-8"))
