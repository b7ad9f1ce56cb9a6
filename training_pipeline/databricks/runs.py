"""The runs of training jobs in a workspace: found by their names, looked at, stopped; with what MLflow has of them.

What is remembered in memory only saves asking twice: everything can be found again from job id and attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from training_pipeline.databricks import program
from training_pipeline.databricks.run_states import meaning
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import ACTIVE, JobStatus

if TYPE_CHECKING:
    from databricks.sdk.service import jobs, ml

#: A run may have been submitted this long before the time in its job's id, as clocks differ.
_CLOCKS: Final = timedelta(hours=1)
_OURS: Final = "Let us see and manage our own runs"
#: MLflow runs that are asked for at once.
_SEARCHED: Final = 100

#: A run as a backend is asked about it: job id and attempt.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out about a run."""

    run_id: int
    experiment_id: str | None = None
    mlflow_run_id: str | None = None


class Runs:
    """The runs of jobs, by job id and attempt. Every verb but `cancel` only reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[Key, Known] = {}

    def remember(self, key: Key, run_id: int) -> None:
        """Note the id of a run that was just submitted."""
        self._known[key] = Known(run_id)

    def forget(self) -> None:
        """Forget everything, as a new process does."""
        self._known.clear()

    def find(self, key: Key) -> Known | None:
        """The run of an attempt that was submitted, found by its name; else null."""
        return self._known.get(key) or self._listed(key)

    def require(self, key: Key) -> Known:
        """The run of an attempt; raises `NotFound`."""
        known = self.find(key)
        if known is None:
            raise NotFound(f"Databricks has no run named {program.run_name(*key)!r}.")
        return known

    def _listed(self, key: Key) -> Known | None:
        """Look for the run among those submitted since the job was created; the oldest of that name."""
        from databricks.sdk.service.jobs import RunType

        created = program.created_at(key[0])
        since = datetime.strptime(created, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - _CLOCKS if created else None
        name = program.run_name(*key)
        with self._connection.calling("list the submitted runs", grant=_OURS):
            found = [
                run.run_id
                for run in self._connection.client().jobs.list_runs(
                    run_type=RunType.SUBMIT_RUN, start_time_from=int(since.timestamp() * 1000) if since else None
                )
                if run.run_name == name and run.run_id is not None
            ]
        if found:
            self._known[key] = Known(min(found))
        return self._known.get(key)

    def active(self, keys: Collection[Key]) -> Mapping[Key, jobs.BaseRun]:
        """Those of the runs that are under way, in as few calls as the pages of the list take."""
        from databricks.sdk.service.jobs import RunType

        wanted = {program.run_name(*key): key for key in keys}
        with self._connection.calling("list the active runs", grant=_OURS):
            listed = self._connection.client().jobs.list_runs(active_only=True, run_type=RunType.SUBMIT_RUN)
            return {wanted[run.run_name]: run for run in listed if run.run_name in wanted}

    def get(self, key: Key) -> jobs.Run:
        """The run as it is now; raises `NotFound` where Databricks does not know it, any more or yet."""
        known = self.require(key)
        try:
            with self._connection.calling(f"look at run {known.run_id}", grant=_OURS):
                return self._connection.client().jobs.get_run(known.run_id)
        except Gone as error:
            self._known.pop(key, None)
            raise NotFound(error.message) from error

    def cancel(self, key: Key) -> None:
        """Ask for a stop; nothing happens to a run that is over."""
        run = self.get(key)
        if meaning(run).status in ACTIVE and run.run_id is not None:
            with self._connection.calling(f"cancel run {run.run_id}", grant=_OURS):
                self._connection.client().jobs.cancel_run(run.run_id)

    def with_ids(self, key: Key, run: jobs.Run) -> tuple[Known, jobs.RunOutput | None]:
        """The run with its MLflow ids as soon as there are any. Its task's output is asked for until then, and where
        the run ended badly: it holds the cause.
        """
        known = self.require(key)
        task = run.tasks[-1].run_id if run.tasks else None
        ended_badly = meaning(run).status not in {*ACTIVE, JobStatus.SUCCEEDED}
        if task is None or (known.mlflow_run_id is not None and not ended_badly):
            return known, None
        with self._connection.calling(f"read the output of run {task}", grant=_OURS):
            output = self._connection.client().jobs.get_run_output(task)
        ids = output.ai_runtime_task_output
        if ids is not None and ids.mlflow_run_id:
            known = replace(known, experiment_id=ids.mlflow_experiment_id, mlflow_run_id=ids.mlflow_run_id)
            self._known[key] = known
        return known, output

    def tracked(self, known: Known) -> ml.Run | None:
        """The MLflow run; null before there is one."""
        if known.mlflow_run_id is None:
            return None
        with self._connection.calling(f"look at MLflow run {known.mlflow_run_id}"):
            return self._connection.client().experiments.get_run(known.mlflow_run_id).run

    def tracked_all(self, keys: Collection[Key]) -> Mapping[Key, ml.Run]:
        """The MLflow runs of those whose ids are known, many in one call."""
        by_id = {known.mlflow_run_id: (key, known) for key in keys if (known := self._known.get(key))}
        experiments = sorted({known.experiment_id for _, known in by_id.values() if known.experiment_id})
        names = [run_id for run_id in by_id if run_id]
        found: dict[Key, ml.Run] = {}
        for start in range(0, len(names), _SEARCHED):
            quoted = ", ".join(f"'{run_id}'" for run_id in names[start : start + _SEARCHED])
            with self._connection.calling("look at MLflow runs"):
                runs = self._connection.client().experiments.search_runs(
                    experiment_ids=experiments, filter=f"attributes.run_id IN ({quoted})", max_results=_SEARCHED
                )
                found |= {by_id[run.info.run_id][0]: run for run in runs if run.info and run.info.run_id in by_id}
        return found
