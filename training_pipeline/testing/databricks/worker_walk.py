"""What the program on a worker of Databricks may meet: each time a run of it, and what the job is told.

The program runs in this process, with a training that takes no time. Used by the test that says how each run must end,
and by the script that writes the table into the docs.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from training_pipeline.sft import program
from training_pipeline.sft.databricks import machine, registry_check, worker
from training_pipeline.sft.errors import FAILED, SUCCEEDED, explain
from training_pipeline.sft.integrity import sha256
from training_pipeline.sft.model.base_model import unloadable
from training_pipeline.testing.databricks.backend import VOLUME
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.models import registry
from training_pipeline.testing.databricks_workspace.state import Workspace

MODEL: Final = "main.ml.triage"
TOKEN: Final = "hf_0123456789"
#: A device that has room for nothing.
FULL: Final = "/dev/full"
_FOLDER: Final = f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline"
#: What asks the registry before anything is trained, and what asks it of a model that is there.
_ABSENT: Final = ("models/get", "models/create")
_THERE: Final = ("models/get-by-sdk", "me", "models/effective-permissions")
CALLS: Final = (*_ABSENT, *_THERE)
FAULTS: Final = (
    *(FaultKind.UNAUTHENTICATED, FaultKind.FORBIDDEN, FaultKind.FORBIDDEN_PAGE, FaultKind.INTERNAL),
    *(FaultKind.UNAVAILABLE, FaultKind.HTML, FaultKind.CUT_REPLY, FaultKind.VANISHED),
)
#: Between these two lines of docs/databricks.md stand the tables.
BEGINS: Final = "<!-- of the worker, written by scripts/write_databricks_faults.py -->\n"
ENDS: Final = "<!-- until here, of the worker -->\n"


@dataclass
class Run:
    """A run that is about to start: its workspace, its folder in the volume, and what it is told."""

    workspace: Workspace
    result_dir: Path
    told: dict[str, Any]
    environment: dict[str, str]
    #: What is undone when it has ended.
    after: ExitStack = field(default_factory=ExitStack)
    #: What the training program does in its folder; its exit code.
    trains: Callable[[Path], int] = lambda folder: _trained(folder)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: `said` is the job's error, empty where its model was registered or kept as asked."""

    what: str
    fault: FaultKind | None
    said: str
    code: str | None
    #: Whether the training program was started, so whether GPUs were paid for.
    trained: bool
    log: str


def outcome(directory: Path, what: str, fault: FaultKind | None = None) -> Outcome:
    """Have the worker run while one thing is wrong: a call, or one of `MEETS`."""
    with serve(directory) as workspace, _run(workspace) as run:
        if fault is None:
            MEETS[what](run)
        else:
            if what in _THERE:
                registry(workspace).models[MODEL] = []
            workspace.faults.arm(what, fault, times=None)
        started: list[bool] = []

        def train(arguments: list[str]) -> int:
            started.append(True)
            folder = Path(json.loads(Path(arguments[0]).read_text())["run_dir"])
            folder.mkdir(parents=True)
            return run.trains(folder)

        log = io.StringIO()
        with (
            mock.patch.dict(os.environ, run.environment),
            mock.patch.object(machine, "_gpus", return_value=0),
            mock.patch.object(program, "main", train),
            contextlib.redirect_stderr(log),
            warnings.catch_warnings(action="ignore"),  # of MLflow, which warns of its own type hints
            _umask(),
            run.after,
        ):
            file = workspace.root / "told.json"
            file.write_text(json.dumps(run.told))
            worker.main([str(file)])
        left = run.result_dir / "result.json"
        result = json.loads(left.read_text()) if left.is_file() else {"error": "(nothing is left in the volume)"}
        said = str(result.get("error") or "").replace(str(workspace.root), "")
        return Outcome(what, fault, said, result.get("code"), bool(started), log.getvalue())


@contextmanager
def _run(workspace: Workspace) -> Iterator[Run]:
    """A run for which all is well."""
    volume = workspace.path(_FOLDER)
    dataset = volume / "datasets" / "d"
    dataset.mkdir(parents=True)
    files = {}
    for name in ("train", "validation"):
        (dataset / f"{name}.jsonl").write_text("{}\n")
        files[f"{name}_file"] = {
            "path": str(dataset / f"{name}.jsonl"),
            "sha256": sha256(dataset / f"{name}.jsonl"),
        }
    told = {
        "result_dir": str(volume / "runs" / "tj-1"),
        "register": {"name": MODEL, "tags": {}},
        "files": files,
        "config": {"base_model": "builtin:tiny"},
        "secrets": {"HF_TOKEN": "ml/hf"},
    }
    environment = {
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_TOKEN": next(iter(workspace.tokens)),
        "DATABRICKS_CONFIG_FILE": "/nonexistent",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT": "1",
        "MLFLOW_RUN_ID": "",
        "HF_TOKEN": TOKEN,
    }
    yield Run(workspace, Path(told["result_dir"]), told, environment)  # type: ignore[arg-type]


@contextmanager
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _trained(folder: Path) -> int:
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    (folder / "result.json").write_text(json.dumps({"status": "succeeded", "model_dir": "model"}))
    return SUCCEEDED


def _ungranted(folder: Path) -> int:
    """What Hugging Face answers to whom it does not know, in the words of the training program."""
    failure = explain(unloadable("meta-llama/Llama-3.1-8B", OSError("401 Client Error: a gated repo")), folder)
    (folder / "result.json").write_text(json.dumps({"status": "failed", **asdict(failure)}))
    return FAILED


def _no_folder(run: Run) -> None:
    run.result_dir.parent.mkdir(parents=True)
    run.result_dir.write_text("a file where the folder should be")


def _full(run: Run, *names: str) -> None:
    run.result_dir.mkdir(parents=True)
    for name in names:
        (run.result_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (run.result_dir / name).symlink_to(FULL)


def _cloud(run: Run, cloud: str) -> None:
    """A worker of this cloud, without the libraries that it uploads with."""
    lacking = dict.fromkeys(registry_check.CLOUD_LIBRARIES[cloud])
    run.environment["MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC"] = "false"
    run.after.enter_context(mock.patch.object(registry_check, "cloud_of", return_value=cloud))
    run.after.enter_context(mock.patch.dict(sys.modules, lacking))


def _unreachable(run: Run) -> None:
    run.environment["DATABRICKS_HOST"] = "http://127.0.0.1:9"
    run.after.enter_context(mock.patch.object(registry_check, "PATIENCE", 0.0))


def _somebody_elses(run: Run) -> None:
    registry(run.workspace).models[MODEL] = []
    registry(run.workspace).owners[MODEL] = "other@example.com"


def _secret(run: Run, *, given: bool) -> None:
    run.environment["HF_TOKEN"] = TOKEN if given else ""
    run.trains = _ungranted


def _not_registered(run: Run, *full: str) -> None:
    _full(run, *full)
    run.workspace.faults.arm("models/create", FaultKind.INTERNAL, times=None, skip=1)


#: What may be wrong, in words for the table, and how it is brought about.
MEETS: Final[dict[str, Callable[[Run], object]]] = {
    "the volume may not be written": _no_folder,
    "the volume is full": lambda run: _full(run, "is-writable"),
    "the volume is full at the end": lambda run: _full(run, "result.json"),
    "the dataset is gone": lambda run: shutil.rmtree(run.result_dir.parents[1] / "datasets"),
    "the dataset is another one": lambda run: Path(run.told["files"]["train_file"]["path"]).write_text("{ }\n"),
    "the registry is out of reach": _unreachable,
    "`CREATE MODEL` is not granted": lambda run: run.after.enter_context(
        run.workspace.without("main.ml", "CREATE MODEL")
    ),
    "the model is somebody else's": _somebody_elses,
    "the schema is not there": lambda run: setattr(registry(run.workspace), "schemas", {"main.other"}),
    "on AWS, `boto3` is missing": lambda run: _cloud(run, "aws"),
    "on Azure, its libraries are missing": lambda run: _cloud(run, "azure"),
    "on Google Cloud, its libraries are missing": lambda run: _cloud(run, "gcp"),
    "the secret was refused": lambda run: _secret(run, given=False),
    "the secret's token is not let in": lambda run: _secret(run, given=True),
    "the registry refuses the trained model": _not_registered,
    "the same, and the volume is full": lambda run: _not_registered(run, "model/config.json"),
}


def all_cells() -> list[tuple[str, FaultKind]]:
    """Every fault at every call."""
    return [(call, fault) for call in CALLS for fault in FAULTS]


def row(one: Outcome) -> str:
    """The line of the table about one of `MEETS`."""
    return f"| {one.what} | {'yes' if one.trained else 'no'} | {one.said} |"


def table(met: Sequence[Outcome], called: Sequence[Outcome]) -> str:
    """Both tables for the docs."""
    lines = ["| the worker finds that | the training program starts | the job's error |", "| --- | --- | --- |"]
    lines += [row(one) for one in met]
    lines += ["", "| call of the worker, for good | it trains | it ends before, and says why |", "| --- | --- | --- |"]
    for call in CALLS:
        mine = [one for one in called if one.what == call]
        words = [[str(one.fault).replace("_", " ") for one in mine if bool(one.said) is ends] for ends in (False, True)]
        lines.append(f"| `{call}` | " + " | ".join(", ".join(column) or "-" for column in words) + " |")
    return "\n".join(lines) + "\n"


def in_page(page: str, new: str | None = None) -> str:
    """The tables in the page; with `new`, the page with those instead."""
    before, _, rest = page.partition(BEGINS)
    old, _, after = rest.partition(ENDS)
    return old if new is None else before + BEGINS + new + ENDS + after
