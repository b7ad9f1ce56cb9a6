"""The runs of training jobs in a workspace: found by id or name, looked at, stopped; with what MLflow has of them.

What is remembered in memory only saves asking twice: everything can be found again from job id and attempt. A run is
known by the id that `submit` returned and that is stored with its job. Only where that was lost is it looked for by its
name; it is ours then if its name, its creator and the mark on its task say so, for anybody can give a run a name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from training_pipeline.backends.handles import StoredHandles
from training_pipeline.databricks import program
from training_pipeline.databricks.run_states import meaning
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.errors import BackendFailed, NotFound
from training_pipeline.domain.job import ACTIVE, JobStatus
from training_pipeline.domain.job_id import made_at

if TYPE_CHECKING:
    from databricks.sdk.service import jobs, ml

#: A run may have been submitted this long before the time in its job's id, as clocks differ.
_CLOCKS: Final = timedelta(hours=1)
_OURS: Final = "Let us see and manage our own runs"
#: MLflow runs that are asked for at once.
_SEARCHED: Final = 100
#: Runs on a page of the list, of which there may be 25.
_PAGE: Final = 25
#: As many runs of ours as are worth a page of everybody's.
_FEW: Final = 5

#: Where a list showed less than half of our runs, they are asked for by id so many times before it is tried again.
_UNLISTED: Final = 10

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
        self._me: str | None = None
        self._unlisted = 0
        #: What is stored of runs that other processes submitted.
        self.stored: StoredHandles = lambda _: {}

    def remember(self, key: Key, run_id: int) -> None:
        """Note the id of a run that was just submitted."""
        self._known[key] = Known(run_id)

    def forget(self) -> None:
        """Forget everything, as a new process does."""
        self._known.clear()

    def find(self, key: Key) -> Known | None:
        """The run of an attempt that was submitted: by the id that is stored with its job, else found by its name."""
        self._recall([key])
        return self._known.get(key) or self._listed(key)

    def require(self, key: Key) -> Known:
        """The run of an attempt; raises `NotFound`."""
        known = self.find(key)
        if known is None:
            raise NotFound(f"Databricks has no run named {program.run_name(*key)!r} that we submitted.")
        return known

    def _recall(self, keys: Collection[Key]) -> None:
        """Take from what is stored what this process does not know."""
        unknown = [key for key in keys if key not in self._known]
        for key, handles in self.stored(unknown).items() if unknown else ():
            if (handles.backend_run_id or "").isdecimal():
                run_id = int(str(handles.backend_run_id))
                self._known[key] = Known(run_id, handles.mlflow_experiment_id, handles.mlflow_run_id)

    def _listed(self, key: Key) -> Known | None:
        """Look for the run among those submitted since the job was created; the oldest that is ours."""
        from databricks.sdk.service.jobs import RunType

        created = made_at(key[0])
        since = datetime.strptime(created, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - _CLOCKS if created else None
        name = program.run_name(*key)
        with self._connection.calling("list the submitted runs", grant=_OURS):
            found = [
                run
                for run in self._connection.client().jobs.list_runs(
                    run_type=RunType.SUBMIT_RUN,
                    start_time_from=int(since.timestamp() * 1000) if since else None,
                    expand_tasks=True,
                    limit=_PAGE,
                )
                if run.run_name == name and run.run_id is not None
            ]
        ours = [run.run_id for run in found if run.run_id is not None and self._is_ours(run, key)]
        if ours:
            self._known[key] = Known(min(ours))
        return self._known.get(key)

    def _is_ours(self, run: jobs.BaseRun, key: Key) -> bool:
        """Whether a run that has our name was submitted by us, and says the same in its task."""
        if self._me is None:
            with self._connection.calling("ask who we are"):
                self._me = self._connection.client().current_user.me().user_name
        return run.creator_user_name == self._me and _marks(run) == {(program.task(key[0]), program.mark(*key))}

    def active(self, keys: Collection[Key]) -> Mapping[Key, jobs.BaseRun]:
        """Those of the runs that are under way, in far fewer calls than there are runs; some may be left out.

        Everybody's active runs are listed, for there is no list of ours: only where we have several runs, and of a
        busy workspace no more pages than a fifth of them. Where that shows few of ours, it is left for some looks.
        """
        from databricks.sdk.service.jobs import RunType

        self._recall(keys)
        wanted = {known.run_id: key for key in keys if (known := self._known.get(key))}
        if len(wanted) < _FEW:
            return {}
        if self._unlisted:
            self._unlisted -= 1
            return {}
        found: dict[Key, jobs.BaseRun] = {}
        most = _PAGE * -(-len(wanted) // _FEW)
        with self._connection.calling("list the active runs", grant=_OURS):
            listed = self._connection.client().jobs.list_runs(
                active_only=True, run_type=RunType.SUBMIT_RUN, limit=_PAGE
            )
            for run in islice(listed, most):
                key = wanted.get(run.run_id or 0)
                if key is not None and run.run_name == program.run_name(*key):
                    found[key] = run
                if len(found) == len(wanted):
                    break
        if 2 * len(found) < len(wanted):
            self._unlisted = _UNLISTED
        return found

    def get(self, key: Key) -> jobs.Run:
        """The run as it is now; raises `NotFound` where Databricks does not know it, any more or yet, or where the run
        with the stored id is another one, as after a move to another workspace.
        """
        known = self.require(key)
        try:
            with self._connection.calling(f"look at run {known.run_id}", grant=_OURS):
                run = self._connection.client().jobs.get_run(known.run_id)
        except Gone as error:
            self._known.pop(key, None)
            raise NotFound(error.message) from error
        said = {mark for _, mark in _marks(run) if mark}  # runs of earlier versions say nothing
        if run.run_name != program.run_name(*key) or not said <= {program.mark(*key)}:
            self._known.pop(key, None)
            raise NotFound(f"Run {known.run_id} of Databricks is {run.run_name!r}, not {program.run_name(*key)!r}.")
        return run

    def cancel(self, key: Key) -> None:
        """Ask for a stop; nothing happens to a run that is over."""
        run = self.get(key)
        if meaning(run).status in ACTIVE and run.run_id is not None:
            with self._connection.calling(f"cancel run {run.run_id}", grant=_OURS):
                self._connection.client().jobs.cancel_run(run.run_id)

    def with_ids(self, key: Key, run: jobs.Run) -> tuple[Known, jobs.RunOutput | None]:
        """The run with its MLflow ids as soon as there are any. Its task's output is asked for until then, and where
        the run ended badly: it holds the cause. Null where Databricks keeps none, as of a run that ended long ago.
        """
        known = self.require(key)
        task = run.tasks[-1].run_id if run.tasks else None
        ended_badly = meaning(run).status not in {*ACTIVE, JobStatus.SUCCEEDED}
        if task is None or (known.mlflow_run_id is not None and not ended_badly):
            return known, None
        try:
            with self._connection.calling(f"read the output of run {task}", grant=_OURS):
                output = self._connection.client().jobs.get_run_output(task)
        except BackendFailed:
            return known, None
        ids = output.ai_runtime_task_output
        if ids is not None and ids.mlflow_run_id:
            known = replace(known, experiment_id=ids.mlflow_experiment_id, mlflow_run_id=ids.mlflow_run_id)
            self._known[key] = known
        return known, output

    def tracked(self, known: Known) -> ml.Run | None:
        """The MLflow run; null before there is one, and where somebody deleted it."""
        if known.mlflow_run_id is None:
            return None
        try:
            with self._connection.calling(f"look at MLflow run {known.mlflow_run_id}"):
                return self._connection.client().experiments.get_run(known.mlflow_run_id).run
        except Gone:
            return None

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


def _marks(run: jobs.Run | jobs.BaseRun) -> set[tuple[str, str | None]]:
    """What the tasks of a run say: key and description of each."""
    return {(task.task_key, task.description) for task in run.tasks or []}
