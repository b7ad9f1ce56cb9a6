"""Evaluations on a backend whose runs are sent their questions: begun once, and their text taken away again.

Write before you call: that text may lie at the backend is on record before any of it goes there, and stays on record
until it is known to be gone. So it does not matter who dies where: whoever looks next takes it away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.evaluating import TakesQuestions
from training_pipeline.backends.run_state import Run
from training_pipeline.domain.errors import BackendFailed, Conflict, NotFound, PipelineError
from training_pipeline.domain.job import Handles
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import ACTIVE, Evaluation
from training_pipeline.models.evaluation.tables import model_evaluations
from training_pipeline.training_jobs.lifecycle.retention import KnownEvaluation
from training_pipeline.training_jobs.store.jobs import JobStore

#: So long a run may be unknown to its backend before its evaluation has failed.
_MISSING: Final = timedelta(minutes=5)
#: So long whatever keeps a run from being submitted is waited for.
_BEGINS: Final = timedelta(hours=24)
_log = logging.getLogger(__name__)


class Staged:
    """Begins evaluations on a backend that takes questions, and takes away what lies there for runs that are over."""

    def __init__(self, store: JobStore, database: Database, backend: FineTuningBackend) -> None:
        self._store, self._database, self._backend = store, database, backend

    def begin(self, evaluation: Evaluation, lines: Callable[[], Iterable[str]]) -> None:
        """Have the run submitted, with its questions. Nothing happens where somebody else is at it, or it has ended.

        Raises what `submit_evaluation` and `lines` raise, and `BackendFailed` where that has gone on for too long.
        """
        backend = self._backend
        if not isinstance(backend, TakesQuestions):
            return
        with self._alone(evaluation) as alone:
            if not alone or not records.change(self._store, evaluation, staged_at=records.now()):
                return
            try:
                handle = backend.submit_evaluation(evaluation.order, lines, wanted=lambda: self._is_active(evaluation))
            except PipelineError as error:
                if error.recurs or records.now() - evaluation.created_at < _BEGINS:
                    raise
                hours = _BEGINS.total_seconds() / 3600
                raise BackendFailed(f"It could not begin for {hours:g} hours: {error.message}") from error
            finally:
                self._staged_still(evaluation)
            if handle is None:
                return
            if not records.change(self._store, evaluation, backend_run_id=handle.backend_run_id, message=""):
                self._backend.cancel(evaluation.id, 1)  # it was cancelled in this very moment

    def missing(self, evaluation: Evaluation, error: NotFound) -> None:
        """Note that the backend does not know the run. Raises `BackendFailed` where that has been so for too long."""
        since = evaluation.missing_since
        if since is None:
            records.change(self._store, evaluation, missing_since=records.now(), message=error.message)
        elif records.now() - since > _MISSING:
            raise BackendFailed(
                f"The run {evaluation.backend_run_id} of this evaluation is not known any more: {error.message}",
                hint="Evaluate the version again.",
            )

    def forget(self, evaluation: Evaluation) -> None:
        """Take away the questions of a run that is over. What keeps us from it is tried again by `forget_all`."""
        if evaluation.staged_at is not None and isinstance(self._backend, TakesQuestions):
            try:
                self._backend.forget_questions(evaluation.id)
            except PipelineError as error:
                _log.warning("the questions of %s are not removed yet: %s", evaluation.id, error.code)
                return
            self._forgotten(evaluation)

    def forget_all(self) -> int:
        """Take away what lies there for evaluations that have ended, however they did; of how many it is gone now.

        Their runs are stopped first: of an evaluation that was cancelled while its run was submitted, one may go on.
        """
        table, gone = model_evaluations.c, 0
        query = select(model_evaluations).where(table.staged_at.is_not(None), table.status.not_in(ACTIVE))
        with self._store.begin() as connection:
            ended = [Evaluation.model_validate(dict(row)) for row in connection.execute(query).mappings()]
        backend = self._backend
        for each in ended if isinstance(backend, TakesQuestions) else ():
            with self._alone(each) as alone:
                if not alone:
                    continue
                try:
                    self._stop(each)
                    backend.forget_questions(each.id)  # type: ignore[attr-defined]
                except PipelineError as error:
                    _log.warning("the questions of %s are not removed yet: %s", each.id, error.code)
                    continue
                self._forgotten(each)
                gone += 1
        return gone

    def _stop(self, evaluation: Evaluation) -> None:
        try:
            self._backend.cancel(evaluation.id, 1)
        except NotFound:
            return

    def _staged_still(self, evaluation: Evaluation) -> None:
        """The lock is lost without a word where the database is restarted: what was put there since is on record."""
        table = model_evaluations.c
        statement = update(model_evaluations).where(table.id == evaluation.id, table.staged_at.is_(None))
        with self._store.begin() as connection:
            connection.execute(statement.values(staged_at=records.now()))

    def _forgotten(self, evaluation: Evaluation) -> None:
        statement = update(model_evaluations).where(model_evaluations.c.id == evaluation.id).values(staged_at=None)
        with self._store.begin() as connection:
            connection.execute(statement)

    def _is_active(self, evaluation: Evaluation) -> bool:
        return records.get(self._store, evaluation.id).status in ACTIVE

    @contextmanager
    def _alone(self, evaluation: Evaluation) -> Iterator[bool]:
        """Whether this process alone stages or takes away the questions of an evaluation while the block lasts."""
        with ExitStack() as held:
            try:
                held.enter_context(advisory_lock.hold(self._database, f"evaluation:{evaluation.id}"))
            except Conflict:
                yield False
                return
            yield True


def known_evaluation(store: JobStore, evaluation_id: str) -> KnownEvaluation | None:
    """What is to be known of an evaluation to say whether what its run left is needed. Reads only."""
    found = records.find(store, evaluation_id)
    if found is None:
        return None
    is_over = found.status not in ACTIVE and found.staged_at is None
    return KnownEvaluation(found.id, found.finished_at if is_over else None)


def stored_handles(store: JobStore, runs: Collection[Run]) -> Mapping[Run, Handles]:
    """The handles of those of the runs that are evaluations and were submitted; see `FindsByHandle`. Reads only."""
    wanted = {run_id for run_id, _ in runs if run_id.startswith("ev-")}
    if not wanted:
        return {}
    table = model_evaluations.c
    query = select(table.id, table.backend_run_id).where(table.id.in_(wanted), table.backend_run_id.is_not(None))
    with store.begin() as connection:
        found = connection.execute(query).all()
    return {(row.id, 1): Handles(backend_job_id=row.id, backend_run_id=row.backend_run_id) for row in found}
