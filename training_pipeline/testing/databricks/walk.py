"""Every fault at every call: a whole job each time, from its submission to the registered model version.

Used by the test that says how each of them must end, and by the script that writes the table into the docs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.app.container import Services, assemble
from training_pipeline.app.sheet_source import sheet_source
from training_pipeline.domain.job import JobStatus, Phase, TrainingJob
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.database import Database
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import backend_of, runs_of, workspace_with_volume
from training_pipeline.testing.databricks.drive import drive, prepared
from training_pipeline.testing.databricks_workspace.faults import REWORDED, FaultKind
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.models import registry
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import with_parts
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.lifecycle.failures import UNFINISHED, Failures
from training_pipeline.training_jobs.lifecycle.finalize import Finalizer
from training_pipeline.training_jobs.lifecycle.launch import Launcher
from training_pipeline.training_jobs.lifecycle.registration import Registration
from training_pipeline.training_jobs.polling.permission import Permission
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.jobs import JobStore

#: What one job calls, in the order of its life; a test says that it is all of it.
CALLS: Final = (
    "jobs/runs/list",
    "me",
    "fs/files/download",
    "fs/files/upload",
    "workspace/mkdirs",
    "workspace/import",
    "jobs/runs/submit",
    "jobs/runs/get",
    "jobs/runs/get-output",
    "mlflow/runs/get",
    "mlflow/metrics/get-history",
    "mlflow/runs/log-batch",
    "models/versions/get",
)
#: The calls that every client makes on its own when it starts; the SDK goes on without an answer.
DISCOVERY: Final = "databricks-config"
#: Faults that are mended after one call, and faults that stay.
#: No reply is a slow one without end.
ONCE: Final = tuple(kind for kind in FaultKind if kind not in {FaultKind.NO_REPLY, *REWORDED})
FOR_EVER: Final = (FaultKind.UNAUTHENTICATED, FaultKind.FORBIDDEN, FaultKind.INTERNAL)

#: Seconds that a job waits, counted in its pauses, which are skipped.
DEADLINE_SECONDS: Final = 20.0
_HTTP_TIMEOUT: Final = 6
_RETRY_TIMEOUT: Final = 2
_SLOW_SECONDS: Final = 6.3


@dataclass(frozen=True, slots=True)
class Cell:
    """One walk: `times` is how often the fault strikes, null for ever."""

    call: str
    fault: FaultKind | None
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the job of a cell ended. `struck` is how often the fault did."""

    cell: Cell
    status: JobStatus
    runs: int
    versions: int
    struck: int
    message: str
    calls: frozenset[str]
    events: tuple[str, ...] = ()
    #: Whether it was trained, and waited until the fault was mended.
    waited: bool = False


class Walk:
    """One training sheet, and a fresh workspace and job for every cell."""

    def __init__(self, database: Database, directory: Path, mlflow: MlflowServer) -> None:
        self._database = database
        self._store = JobStore(database.engine())
        self._directory = directory
        self._mlflow = mlflow
        self._settings = Settings(state_dir=directory / "state", sheets_dir=directory / "sheets")
        write_sheet(self._settings.sheets, "small", rows(12))
        self._source = sheet_source(self._settings)
        self._prepared = self._prepare()

    def close(self) -> None:
        """Give the connections back."""
        self._store.engine.dispose()

    def cells(self, cells: Sequence[Cell], *, workers: int = 8) -> list[Outcome]:
        """The outcomes of the cells, in their order; several at a time, for most of a walk is waiting."""
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self.outcome, cells))

    def outcome(self, cell: Cell) -> Outcome:
        """Walk one cell."""
        name = re.sub(r"\W", "-", f"{cell.call}-{cell.fault}-{cell.times}")
        config = TrainingConfig(epochs=1, accelerator="GPU_1xA10", accelerator_count=1)
        values = {"training_sheet_id": "small", "training_config": config.model_dump(), "backend": "databricks"}
        job = self._store.create(new_job(**values, uc_catalog="main", uc_schema="ml"), message="Created.")
        with workspace_with_volume(self._directory / f"{name}-{job.id}", self._mlflow) as workspace:
            workspace.faults.slow_seconds = _SLOW_SECONDS
            fault = workspace.faults.arm(cell.call, cell.fault, times=cell.times) if cell.fault else None
            services = self._services(workspace)
            ended = drive(services, job.id, prepare=lambda *_: self._prepared, over=_waits_to_be_finished)
            if waited := _waits_to_be_finished(ended):
                workspace.faults.clear()  # it can be finished, however late
                ended = drive(services, job.id)
            events, _ = self._store.events(job.id, limit=100)
            return Outcome(
                cell=cell,
                status=ended.status,
                runs=len(runs_of(workspace)),
                versions=sum(len(versions) for versions in registry(workspace).models.values()),
                struck=fault.happened if fault else 0,
                message=ended.error_message or "",
                calls=frozenset(call.name for call in workspace.calls),
                events=tuple(event.message for event in reversed(events)),
                waited=waited,
            )

    def _prepare(self) -> tuple[SheetRef, SnapshotRef, DatasetRef]:
        """The dataset of all the jobs."""
        services = assemble(self._settings, self._database, backend=ScriptedBackend(), source=self._source)
        job = self._store.create(new_job(training_sheet_id="small"), message="Created.")
        (claimed,) = claim(self._store, Phase.LAUNCH, job_id=job.id)
        begun = services.launcher.begin(job.id, claimed.launch.attempt, run_id="walk")
        return prepared(services, begun)

    def _services(self, workspace: Workspace) -> Services:
        """An installation that is quick to give up, with one store for all: its connections are shared."""
        backend = backend_of(workspace, http_timeout=_HTTP_TIMEOUT, retry_timeout=_RETRY_TIMEOUT)
        services = assemble(self._settings, self._database, backend=backend, source=self._source)
        store, tracking = self._store, services.tracking
        revocations = Revocations(store, lambda *_: None)
        return with_parts(
            services,
            store=store,
            launcher=Launcher(
                store,
                self._source,
                backend,
                tracking,
                services.policy,
                UseIndex(store),
                snapshots=self._settings.snapshots,
                datasets=self._settings.datasets,
                min_pairs=10,
                withdrawn=revocations.withdrawn,
            ),
            poller=Poller(store, backend, tracking, deadline_seconds=DEADLINE_SECONDS),
            finalizer=Finalizer(
                store,
                backend,
                tracking,
                Permission(self._source, services.policy, revocations),
                Registration(store, backend, tracking, revocations),
                lambda *_: None,
            ),
            failures=Failures(store, backend, max_attempts=3, deadline_seconds=DEADLINE_SECONDS),
        )


def all_cells() -> list[Cell]:
    """Every fault at every call, mended and lasting."""
    once = [Cell(call, fault) for call in CALLS for fault in ONCE]
    return once + [Cell(call, fault, None) for call in CALLS for fault in FOR_EVER]


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table for the docs, a row for each call."""
    lines = [
        "| call | once: the job succeeds | once: the job fails and says why | for good: the job waits, then fails "
        "| for good: the trained job is finished once the fault is mended |",
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
    if outcome.cell.times is not None:
        return 0 if outcome.status is JobStatus.SUCCEEDED else 1
    return 3 if outcome.waited else 2


def _waits_to_be_finished(job: TrainingJob) -> bool:
    return (job.error_details or {}).get("code") == UNFINISHED


def _word(outcome: Outcome) -> str:
    return str(outcome.cell.fault).replace("_", " ")


#: Between these two lines of docs/databricks.md stands the table.
TABLE_BEGINS: Final = "<!-- written by scripts/write_databricks_faults.py -->\n"
TABLE_ENDS: Final = "<!-- until here -->\n"


def in_page(page: str, new: str | None = None, *, begins: str = TABLE_BEGINS) -> str:
    """The table in the page after the line `begins`; with `new`, the page with that table instead."""
    before, _, rest = page.partition(begins)
    old, _, after = rest.partition(TABLE_ENDS)
    return old if new is None else before + begins + new + TABLE_ENDS + after
