"""Says in the registry that a promoted version is approved, for what deploys it: a tag of the version.

A deployment job of Databricks waits at its approval task until the version has a tag of the task's name with the value
`Approved`, in Unity Catalog. The move of the alias is on record first; the tag follows until it is set. A move that
nobody lived to note is noted by `Promotions.note_moves`.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.error_in_words import describe
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore

APPROVED: Final = "Approved"
_TRIED: Final = timedelta(days=7)
#: Of each model only its latest move: what was replaced since, or rolled back, is not approved any more.
_DUE: Final = text(
    "SELECT p.number, p.model_name, p.model_version FROM promotions AS p"
    " WHERE p.kind = 'promote' AND p.alias = :alias AND p.approval_tagged_at IS NULL"
    " AND p.moved_at > clock_timestamp() - CAST(:tried AS interval)"
    " AND NOT EXISTS (SELECT 1 FROM promotions AS later WHERE later.model_name = p.model_name"
    " AND later.alias = p.alias AND later.moved_at IS NOT NULL AND later.number > p.number)"
    " ORDER BY p.number"
)
_TAGGED: Final = text("UPDATE promotions SET approval_tagged_at = clock_timestamp() WHERE number = :number")
_log = logging.getLogger(__name__)


class ApprovalTags:
    """Writes the tags that are due; none without a `tag`. May be repeated by several at once."""

    def __init__(
        self,
        store: JobStore,
        tracking: RunTracking,
        aliases: Aliases,
        versions: ModelVersions,
        tag: str | None,
        alias: str,
    ) -> None:
        self._store, self._tracking = store, tracking
        self._aliases, self._versions = aliases, versions
        self._tag, self._alias = tag, alias

    def write_due(self, *, seconds: float = 10.0) -> int:
        """Tag the versions that the alias was moved to, for so many seconds; how many.

        Not one that was replaced, rolled back or tainted meanwhile, also behind us. Raises nothing of the registry's:
        what cannot be tagged now is due at the next look, for a week.
        """
        if self._tag is None:
            return 0
        deadline = time.monotonic() + seconds
        with self._store.begin() as connection:
            due = connection.execute(_DUE, {"alias": self._alias, "tried": _TRIED}).tuples().all()
        tagged = 0
        for number, name, version in due:
            if time.monotonic() > deadline:
                break
            try:
                require_usable(self._versions.subject(name, version))
                if self._aliases.holder(name, self._alias) != version:
                    continue
                self._tracking.tag_version(name, version, {self._tag: APPROVED})
            except Exception as error:  # noqa: BLE001 - of the registry or of the workspace, in any class
                _log.warning("%s version %s could not be tagged as approved: %s", name, version, describe(error))
                continue
            with self._store.begin() as connection:
                connection.execute(_TAGGED, {"number": number})
            tagged += 1
        return tagged
