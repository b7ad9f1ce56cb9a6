"""Looks regularly at the serving endpoints of a workspace, and remembers which versions they serve, since and until.

The workspace says what is served now, and nothing of before. So each answer is compared with what was seen last, as is
done with aliases. An endpoint that a person recorded is left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import text

from training_pipeline.databricks.serving import Serving
from training_pipeline.domain.error_in_words import describe
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.models.versions import find
from training_pipeline.training_jobs.store.jobs import JobStore

#: A call that hangs for longer gives its turn away.
_HUNG_SECONDS: Final = 30.0
_NOW: Final = text("SELECT clock_timestamp()")
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('endpoints ' || :workspace, 0))")
_LOOKED: Final = text("SELECT looked_at FROM endpoint_looks WHERE workspace = :workspace")
_NOTE: Final = text(
    "INSERT INTO endpoint_looks (workspace, looked_at) VALUES (:workspace, :asked_at)"
    " ON CONFLICT (workspace) DO UPDATE SET looked_at = :asked_at"
)
_SEEN: Final = (
    "unnest(CAST(:names AS text[]), CAST(:versions AS text[]), CAST(:urls AS text[])) AS seen (name, version, url)"
)
_CLOSE: Final = text(
    "UPDATE model_endpoints AS e SET until = :asked_at WHERE e.workspace = :workspace AND e.until IS NULL"  # noqa: S608
    f" AND NOT EXISTS (SELECT FROM {_SEEN}"
    " WHERE seen.name = e.model_name AND seen.version = e.model_version AND seen.url = e.url)"
)
_OPEN: Final = text(
    "INSERT INTO model_endpoints (model_name, model_version, url, since, workspace)"  # noqa: S608 - our own text
    f" SELECT name, version, url, :asked_at, :workspace FROM {_SEEN}"
    " ON CONFLICT (model_name, model_version, url) WHERE until IS NULL DO NOTHING"
)
_log = logging.getLogger(__name__)


class EndpointWatch:
    """Asks for what is served at most every `seconds`, and waits for the answer at most `wait_seconds` seconds."""

    def __init__(
        self, store: JobStore, ask: Callable[[], Serving] | None, *, seconds: float, wait_seconds: float = 5.0
    ) -> None:
        """`ask` is null where endpoints are recorded by hand alone."""
        self._store = store
        self._ask = ask
        self._seconds = seconds
        self._wait_seconds = wait_seconds
        self._asked: float | None = None
        self._calls: BoundedCalls[None, None] = BoundedCalls(1, hung_after=_HUNG_SECONDS)

    def look_due(self) -> str | None:
        """Ask where that is due, and remember what has changed. None where an answer came, else why not.

        What is answered late is remembered all the same. Never raises for what a workspace does.
        """
        ask = self._ask
        if ask is None or (self._asked is not None and time.monotonic() - self._asked < self._seconds):
            return None
        call = self._calls.begin("endpoints", None, lambda: self._see(ask))
        try:
            if call is None:
                raise TimeoutError
            call.answer.result(timeout=self._wait_seconds)
        except TimeoutError:
            return f"The workspace did not say within {self._wait_seconds:g} seconds what its endpoints serve."
        except Exception as error:  # noqa: BLE001 - whatever a workspace answers, the sensor goes on
            _log.warning("serving endpoints could not be listed: %s", describe(error))
            return f"The workspace could not be asked what its endpoints serve: {describe(error)}."
        finally:
            if call is not None and call.answer.done():
                self._calls.take(call)
        self._asked = time.monotonic()
        return None

    def _see(self, ask: Callable[[], Serving]) -> None:
        names = set(find.names(self._store))
        if not names:
            return
        with self._store.begin() as connection:
            asked_at = connection.execute(_NOW).scalar_one()
        found = ask()
        ours = frozenset(one for one in found.served if one.model_name in names)
        self.remember(Serving(found.workspace, ours), asked_at=asked_at)

    def remember(self, found: Serving, *, asked_at: datetime) -> None:
        """Store what a workspace said when it was asked at this time. An answer to an older question is dropped."""
        served = sorted((one.model_name, one.model_version, one.url) for one in found.served)
        said = {
            "workspace": found.workspace,
            "asked_at": asked_at,
            "names": [name for name, _, _ in served],
            "versions": [version for _, version, _ in served],
            "urls": [url for _, _, url in served],
        }
        with self._store.begin() as connection:
            connection.execute(_LOCK, said)
            looked_at = connection.execute(_LOOKED, said).scalar()
            if looked_at is not None and looked_at >= asked_at:
                return
            for statement in (_CLOSE, _OPEN, _NOTE):
                connection.execute(statement, said)
