"""The aliases of registered models: asked of the registry for a bounded time, and remembered with since and until.

The registry says which version an alias names now, and nothing of before. So each answer is compared with what was seen
last: `since` is when an alias was first seen on a version, `until` when it was first seen elsewhere or nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.errors import Unavailable
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs import backoff
from training_pipeline.training_jobs.polling.bounded_calls import BoundedCalls
from training_pipeline.training_jobs.store.jobs import JobStore

#: So many ask at the same time; a call that hangs for longer gives its turn away.
_CALLS: Final = 4
_HUNG_SECONDS: Final = 30.0
_LATEST: Final = text("SELECT max(greatest(since, until)) FROM model_aliases WHERE model_name = :name")
_CLOSE: Final = text(
    "UPDATE model_aliases SET until = :asked_at WHERE model_name = :name AND until IS NULL"
    " AND NOT (alias || chr(10) || model_version) = ANY(:kept)"
)
_OPEN: Final = text(
    "INSERT INTO model_aliases (model_name, model_version, alias, since)"
    " SELECT :name, version, alias, :asked_at FROM unnest(CAST(:aliases AS text[]), CAST(:versions AS text[]))"
    " AS seen (alias, version) ON CONFLICT (model_name, alias) WHERE until IS NULL DO NOTHING"
)
_HISTORY: Final = text(
    "SELECT alias, since, until FROM model_aliases WHERE model_name = :name AND model_version = :version"
    " ORDER BY until DESC NULLS FIRST, alias"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AliasUse:
    """An alias of a version, since it was first seen on it; `until` is null where it still was when last asked."""

    alias: str
    since: datetime
    until: datetime | None


def holder(tracking: RunTracking, name: str, alias: str) -> str | None:
    """The version that an alias names now, None for none. Raises `Unavailable` where the registry does not say it."""
    try:
        return tracking.aliases(name).get(alias)
    except Exception as error:
        raise Unavailable(
            f"The registry could not be asked for the alias {alias!r} of {name}: {backoff.describe(error)}.",
            hint="Try again when it answers.",
        ) from error


class Aliases:
    """Asks the registry at most `seconds` for all names together."""

    def __init__(self, store: JobStore, tracking: RunTracking, *, seconds: float = 5.0) -> None:
        self._store = store
        self._tracking = tracking
        self._seconds = seconds
        self._calls: BoundedCalls[str, None] = BoundedCalls(_CALLS, hung_after=_HUNG_SECONDS)

    def look(self, names: Collection[str]) -> str | None:
        """See which aliases these models have now; None where all answers came, else why not, in a sentence.

        What is answered late is remembered all the same. Never raises. Writes what has changed.
        """
        asked = sorted(set(names))
        key = "\n".join(asked)
        call = self._calls.begin(key, key, lambda: self._see(asked))
        try:
            if call is None:
                raise TimeoutError
            call.answer.result(timeout=self._seconds)
        except TimeoutError:
            return f"The registry did not answer within {self._seconds:g} seconds."
        except Exception as error:  # noqa: BLE001 - whatever a registry answers, the rest of the answer stands
            _log.warning("aliases could not be read: %s", backoff.describe(error))
            return f"The registry could not be asked for aliases: {backoff.describe(error)}."
        finally:
            if call is not None and call.answer.done():
                self._calls.take(call)
        return None

    def history(self, name: str, version: str) -> tuple[AliasUse, ...]:
        """The aliases that the version was seen with, those that it has first. Reads only."""
        with self._store.begin() as connection:
            rows = connection.execute(_HISTORY, {"name": name, "version": version}).tuples()
            return tuple(AliasUse(*row) for row in rows)

    def _see(self, names: Collection[str]) -> None:
        for name in names:
            with self._store.begin() as connection:
                asked_at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            self.remember(name, self._tracking.aliases(name), asked_at=asked_at)

    def remember(self, name: str, found: Mapping[str, str], *, asked_at: datetime) -> None:
        """Store what the registry said when it was asked at this time. An answer to an older question is dropped."""
        seen = {
            "name": name,
            "asked_at": asked_at,
            "aliases": list(found),
            "versions": list(found.values()),
            "kept": [f"{alias}\n{version}" for alias, version in found.items()],
        }
        with self._store.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('aliases ' || :name, 0))"), seen)
            latest = connection.execute(_LATEST, seen).scalar_one()
            if latest is not None and latest >= asked_at:
                return
            connection.execute(_CLOSE, seen)
            connection.execute(_OPEN, seen)
