"""The processes that `up` has started: each is on record, and started again where it dies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from training_pipeline.cli.system.up_record import Child, Record
from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.files import tail
from training_pipeline.infra.fork_server import Forked, ForkServer
from training_pipeline.infra.processes import ProcessIdentity, end
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.settings import Settings

#: Between the deaths of one process and its next start, and after how many in a row it is given up.
RESTARTS: Final = RetryPolicy(first=1.0, longest=60.0, attempts=10)
#: A process that has lived for so many seconds has not died "in a row".
STEADY_SECONDS: Final = 300.0
#: How long a process that could not be put on record has to stop after SIGTERM.
END_SECONDS: Final = 5.0
FORK_SERVER: Final = "fork_server"
#: How long those that died with the process that they were forked off wait for the next one: with it gone, all are dead
#: at once, and a fresh Python for each would import everything several times over.
FORK_SECONDS: Final = 60.0
#: What the others import: each of them, for itself, would take two to four seconds of processor time for it.
IMPORTED: Final = (
    "training_pipeline.definitions",
    "training_pipeline.infra.dagster_code_server",
    "training_pipeline.infra.dagster_storage",
    "training_pipeline.dagster_ui.server",
    "training_pipeline.cli.system.daemon",
    "training_pipeline.api.app",
    "training_pipeline.api.server",
    "training_pipeline.web.mount",
    "training_pipeline.cli.system.environment",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "matplotlib.figure",
    "pandas",
    "ibis.backends.duckdb",
    "scipy.sparse.csgraph",
)
NAMES: Final = {
    FORK_SERVER: "The process that the others are forked off",
    "code_server": "Dagster's code server",
    "webserver": "Dagster's webserver",
    "read_only": "Dagster's read-only webserver",
    "daemon": "Dagster's daemon",
    "api": "The REST API",
}


class Restarts:
    """How often one thing has died in a row, and what follows."""

    def __init__(self, policy: RetryPolicy = RESTARTS) -> None:
        self._policy = policy
        self._pauses = 0
        self._deaths = 0

    def pause(self, *, lived: float) -> float | None:
        """Seconds to wait before it is started again after it `lived` so long; None where it has died too often."""
        if lived >= STEADY_SECONDS:
            self._pauses = self._deaths = 0
        self._deaths += 1
        return None if self._policy.gives_up(self._deaths) else self._next()

    def pause_of_another(self) -> float:
        """Seconds to wait after a death that was the fault of something else, and does not count."""
        return self._next()

    def _next(self) -> float:
        self._pauses += 1
        return self._policy.pause(self._pauses)


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes] | Forked
    command: list[str]
    restarts: Restarts
    since: float = field(default_factory=time.monotonic)
    #: When it is started again, once it has died.
    due: float | None = None


class Children:
    """The processes of this `up`, by name; each is on record before anything waits for it."""

    def __init__(
        self,
        settings: Settings,
        environment: dict[str, str],
        record: Record,
        *,
        policy: RetryPolicy = RESTARTS,
        database_answers: Callable[[], bool] = lambda: True,
    ) -> None:
        """`database_answers` is asked at every death: none counts while it does not, for most cannot live without."""
        self.record = record
        self._database_answers = database_answers
        #: Of those that are started from now on.
        self.environment = environment
        self._settings = settings
        self._policy = policy
        self._running: dict[str, _Running] = {}
        self._fork_server = ForkServer(IMPORTED)

    def start_fork_server(self) -> None:
        """Start the process that the others are forked off once `can_fork`. Only Linux forks without harm."""
        if sys.platform == "linux":
            self.start(FORK_SERVER, [])

    def can_fork(self) -> bool:
        """Whether those that are started now are forked, or will never be."""
        return self._fork_server.is_ready() or FORK_SERVER not in self._running

    def start(self, name: str, command: list[str]) -> None:
        """Start a process, and put it on record in the place of one of its name that has died with all its own.

        Raises `OSError` where it cannot be started or put on record, as on a full disk; then it does not run.
        """
        log = self._settings.logs / f"{name}.log"
        process: subprocess.Popen[bytes] | Forked
        if name == FORK_SERVER:
            process = self._fork_server.launch(environment=self.environment, log=log)
        else:
            process = self._fork_server.start(command, environment=self.environment, log=log)
        identity = process.identity if isinstance(process, Forked) else ProcessIdentity.of(process.pid)
        child = Child(name=name, process=identity, log=log)
        others = tuple(one for one in self.record.children if one.name != name or one.process.group())
        try:
            self.record = self.record.model_copy(update={"children": (*others, child)}).stored(self._settings)
        except BaseException:
            end(identity, grace=END_SECONDS)
            process.poll()
            raise
        before = self._running.get(name)
        self._running[name] = _Running(process, command, before.restarts if before else Restarts(self._policy))

    def tend(self) -> list[str]:
        """Start again those that have died, each after its pause and once it can be forked; what happened, in words.

        The others need not be told: Dagster's processes find one another again, and its runs live on in processes of
        their own. Raises `PipelineError` with the end of its log where one has died too often in a row.
        """
        said, now = [], time.monotonic()
        for name, child in list(self._running.items()):
            if child.due is not None and now >= child.due:
                if name != FORK_SERVER and not self.can_fork() and now < child.due + FORK_SECONDS:
                    continue
                try:
                    self.start(name, child.command)
                    said.append(f"{NAMES[name]} was started again.")
                except OSError as error:
                    again = child.restarts.pause_of_another()
                    child.due = time.monotonic() + again
                    said.append(f"{NAMES[name]} cannot be started: {error}. It is tried again in {again:.0f} s.")
            elif child.due is None and child.process.poll() is not None:
                is_away = not self._database_answers()
                pause = child.restarts.pause_of_another() if is_away else child.restarts.pause(lived=now - child.since)
                if pause is None:
                    raise self._ended(name, f", and died {self._policy.attempts} times in a row")
                child.due = now + pause
                why = ", while the database does not answer," if is_away else ""
                code = child.process.returncode
                said.append(f"{NAMES[name]} ended (exit code {code}){why} and is started again in {pause:.0f} s.")
        return said

    def require_alive(self) -> None:
        """Raise `PipelineError` with the end of its log if one has ended."""
        for name, child in self._running.items():
            if child.process.poll() is not None:
                raise self._ended(name)

    def _ended(self, name: str, how_often: str = "") -> PipelineError:
        log = self._settings.logs / f"{name}.log"
        code = self._running[name].process.returncode
        return PipelineError(
            f"{NAMES[name]} ended unexpectedly (exit code {code}){how_often}. Its last lines:\n{tail(log, 15)}",
            hint=f"Its log is {log}. Everything else was stopped. Restart with `training-pipeline up`.",
        )
