"""Waiting for a change of a training job, as PostgreSQL announces it."""

from __future__ import annotations

import select
import time
from typing import Any, Final

import psycopg2
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.store.notify import CHANNEL

RETRY_SECONDS: Final = 0.05


class JobChanges:
    """A connection that listens. It is made when first waited on, and anew after the server was lost."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine(pooled=False)
        self._connection: Any = None

    def wait(self, seconds: float) -> None:
        """Return once a job has changed since the last call, or after `seconds`; at once where that is not known.

        Not everything that is stored about a job is announced, so whoever waits looks again in any case.
        """
        try:
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._connection.execute(text(f"LISTEN {CHANNEL}"))
                return  # what changed before went by unheard
            driver = self._connection.connection.driver_connection
            select.select([driver], [], [], seconds)
            driver.poll()
            driver.notifies.clear()
        except (DBAPIError, Unavailable, psycopg2.Error):
            self.close()
            time.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Give the connection back; the next wait makes another."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
