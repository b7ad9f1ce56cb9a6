"""Every fault at every call of an evaluation: a whole one each time, from its start to its figures.

Used by the test that says how each of them must end, and by the script that writes the table into the docs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import DATABASE
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import ACTIVE, Evaluation, EvaluationStatus
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import runs_of, workspace_with_volume
from training_pipeline.testing.databricks.evaluations import evaluating_services, texts_in
from training_pipeline.testing.databricks.walk import FOR_EVER, ONCE, Cell
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.models import Version, registry
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.models.evaluated import SUITE

#: What one evaluation calls, in the order of its life; a test says that it is all of it.
CALLS: Final = (
    "models/get-by-sdk",
    "jobs/runs/list",
    "me",
    "models/versions/get",
    "fs/files/upload",
    "fs/files/download",
    "workspace/mkdirs",
    "workspace/import",
    "jobs/runs/submit",
    "jobs/runs/get",
    "jobs/runs/get-output",
    "mlflow/runs/get",
    "fs/files/delete",
    "models/versions/set-tag",
)
#: Its stand-in takes a second, so that it is seen at work.
NAME: Final = "main.ml.naps"
_HTTP_TIMEOUT: Final = 6
_RETRY_TIMEOUT: Final = 2
_SLOW_SECONDS: Final = 6.3
_LONGEST_SECONDS: Final = 240.0
#: Between two looks: each asks the database and the workspace, and eight cells look at the same time.
_PAUSE: Final = 0.1
#: Looks for which a fault that stays is waited for, before it is mended.
_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the evaluation of a cell ended. `struck` counts the fault, `left` the files with text."""

    cell: Cell
    status: EvaluationStatus
    runs: int
    struck: int
    message: str
    calls: frozenset[str]
    left: int
    is_logged: bool
    #: What it said while it waited for a fault to be mended; null where it did not wait.
    waited: str | None = None


class EvaluationWalk:
    """A fresh workspace and database for every cell, with one version and one suite that are prepared once.

    `database` makes a copy of a database by its name, for as long as its block lasts.
    """

    def __init__(
        self, database: Callable[[str], AbstractContextManager[SecretStr]], directory: Path, mlflow: MlflowServer
    ) -> None:
        self._database, self._directory, self._mlflow = database, directory, mlflow
        self._held = ExitStack()
        self._template = self._prepare()

    def close(self) -> None:
        """Drop what was prepared."""
        self._held.close()

    def _prepare(self) -> str:
        """The name of the database that is copied for each cell. Version 2 is as a job on Databricks leaves it."""
        url = self._held.enter_context(self._database(DATABASE))
        with (
            workspace_with_volume(self._directory / "preparing", self._mlflow) as workspace,
            evaluating_services(self._settings(url), Database.at(url), workspace) as services,
        ):
            job = succeeded(services)
            services.store.update(job.id, {"uc_model_name": NAME})
        return url.get_secret_value().rpartition("/")[2].partition("?")[0]

    def _settings(self, url: SecretStr) -> Settings:
        return Settings(state_dir=self._directory / "state", database_url=url)

    def cells(self, cells: Sequence[Cell], *, workers: int = 8) -> list[Outcome]:
        """The outcomes of the cells, in their order; several at a time, for most of a walk is waiting."""
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self.outcome, cells))

    def outcome(self, cell: Cell) -> Outcome:
        """Walk one cell."""
        place = self._directory / re.sub(r"\W", "-", f"evaluation-{cell.call}-{cell.fault}-{cell.times}")
        timeouts: dict[str, Any] = {"http_timeout": _HTTP_TIMEOUT, "retry_timeout": _RETRY_TIMEOUT}
        with workspace_with_volume(place, self._mlflow) as workspace, self._database(self._template) as url:
            settings = self._settings(url)
            with evaluating_services(settings, Database.at(url), workspace, suite=False, **timeouts) as services:
                registry(workspace).models[NAME] = [
                    Version(NAME, number, "/nowhere", "run", "", {}, status="READY") for number in (1, 2)
                ]
                workspace.faults.slow_seconds = _SLOW_SECONDS
                return _walked(cell, services, workspace)


def _walked(cell: Cell, services: Services, workspace: Workspace) -> Outcome:
    fault = workspace.faults.arm(cell.call, cell.fault, times=cell.times) if cell.fault else None
    made = services.evaluations.start(NAME, "2", SUITE, actor="ada")
    waited: str | None = None
    looks = 0
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not _is_done(services, made):
        if time.monotonic() > deadline:
            raise AssertionError(f"{cell} is still {records.get(services.store, made.id)}")
        services.evaluations.settle_all()
        if fault is not None and cell.times is None and fault.happened:
            looks += 1
            if looks == _LOOKS:
                found = records.get(services.store, made.id)
                waited = found.message if found.status in ACTIVE else ""
                workspace.faults.clear()
        time.sleep(_PAUSE)
    found = records.get(services.store, made.id)
    return Outcome(
        cell=cell,
        status=found.status,
        runs=len(runs_of(workspace)),
        struck=fault.happened if fault else 0,
        message=found.error or "",
        calls=frozenset(call.name for call in workspace.calls),
        left=len(texts_in(workspace.root)),
        is_logged=f"training_pipeline.evaluation.{SUITE}" in registry(workspace).models[NAME][1].tags,
        waited=waited,
    )


def _is_done(services: Services, evaluation: Evaluation) -> bool:
    """Whether it has ended, no text is left of it, and MLflow was told."""
    found = records.get(services.store, evaluation.id)
    if found.status in ACTIVE or found.staged_at is not None:
        return False
    return found.status is not EvaluationStatus.SUCCEEDED or found.logged_at is not None


def all_cells() -> list[Cell]:
    """Every fault at every call, mended and lasting."""
    once = [Cell(call, fault) for call in CALLS for fault in ONCE]
    return once + [Cell(call, fault, None) for call in CALLS for fault in FOR_EVER]


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table for the docs, a row for each call."""
    lines = [
        "| call | once: the evaluation succeeds | once: it fails and says why "
        "| for good: it succeeds once that is mended | for good: it fails and says why |",
        "| --- | --- | --- | --- | --- |",
    ]
    for call in CALLS:
        mine = [outcome for outcome in outcomes if outcome.cell.call == call and outcome.cell.fault]
        columns = [[_word(outcome) for outcome in mine if _column(outcome) == column] for column in range(4)]
        lines.append(f"| `{call}` | " + " | ".join(", ".join(words) or "-" for words in columns) + " |")
    return "\n".join(lines) + "\n"


def is_told(table_in_page: str, outcome: Outcome) -> bool:
    """Whether the table says of this cell what its outcome was."""
    (row,) = [line for line in table_in_page.splitlines() if line.startswith(f"| `{outcome.cell.call}` |")]
    return _word(outcome) in row.strip("| ").split(" | ")[1 + _column(outcome)].split(", ")


def _column(outcome: Outcome) -> int:
    """The place of the outcome among those that a cell may have."""
    failed = outcome.status is not EvaluationStatus.SUCCEEDED
    return failed + (0 if outcome.cell.times is not None else 2)


def _word(outcome: Outcome) -> str:
    return str(outcome.cell.fault).replace("_", " ")


#: Between this line and the next end of a table in docs/databricks.md stands this one.
TABLE_BEGINS: Final = "<!-- of evaluations, written by scripts/write_databricks_faults.py -->\n"
