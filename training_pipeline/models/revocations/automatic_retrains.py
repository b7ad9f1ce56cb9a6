"""Launches proposed retrains at once where the training sheet says so: its owner opted in, and nobody has to click."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from training_pipeline.domain.errors import NotFound, PipelineError, Unavailable
from training_pipeline.domain.retraining import retraining_of

if TYPE_CHECKING:
    from training_pipeline.models.revocations.retrains import Retrains
    from training_pipeline.sheets.base import TrainingSheetSource
    from training_pipeline.training_jobs.store.jobs import JobStore

ACTOR: Final = "sensor watch_revocations"
#: Proposals that nobody launched, of the newest model of its training sheet and name: it replaces those before it.
_WAITING: Final = text(
    "SELECT p.job_id, p.model_name, p.model_version, p.updated_at, j.training_sheet_id, j.model_name"
    " FROM retrain_proposals AS p JOIN training_jobs AS j ON j.id = p.job_id"
    " WHERE p.launched_job_id IS NULL AND NOT EXISTS (SELECT 1 FROM training_jobs AS other"
    " WHERE other.training_sheet_id = j.training_sheet_id AND other.model_name = j.model_name"
    " AND other.created_at > j.created_at AND other.status NOT IN ('failed', 'cancelled', 'timeout'))"
    " ORDER BY p.updated_at"
)
_log = logging.getLogger(__name__)


class AutomaticRetrains:
    """Looks at each proposal once: whether the sheet opts in counts when its model is tainted."""

    def __init__(self, store: JobStore, source: TrainingSheetSource, retrains: Retrains) -> None:
        self._store = store
        self._source = source
        self._retrains = retrains
        self._seen: set[tuple[str, datetime]] = set()

    def launch_due(self) -> list[str]:
        """Launch what is due, each once, and return the ids of the jobs. May be repeated after a crash anywhere.

        A sheet that cannot be read now is asked again. What cannot be launched is logged, and stays a proposal.
        """
        with self._store.begin() as connection:
            waiting = connection.execute(_WAITING).tuples().all()
        launched = []
        self._seen &= {(job_id, updated) for job_id, _, _, updated, _, _ in waiting}
        for job_id, name, version, updated, sheet_id, model in waiting:
            if (job_id, updated) in self._seen:
                continue
            try:
                rule = retraining_of(self._source.get(sheet_id))
                if rule is not None and rule.when_tainted == "launch" and rule.model_name == model:
                    launched.append(self._retrains.launch(name, version, actor=ACTOR).id)
            except Unavailable:
                continue
            except NotFound:
                pass
            except PipelineError as error:
                _log.warning("the retrain of %s version %s was not launched: %s", name, version, error.message)
            self._seen.add((job_id, updated))
        return launched
