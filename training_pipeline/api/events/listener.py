"""One database connection that listens for notifications, by default about jobs, for any number of followers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from anyio import to_thread
from psycopg2 import Error
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.database import Database
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.training_jobs.store.notify import CHANNEL

#: Between two attempts to listen again, after a connection was lost.
RECONNECTS: Final = RetryPolicy(first=0.1, longest=5.0)
_log = logging.getLogger(__name__)


class Listener:
    """Calls `announced` with what is told on a channel; on that of `notify.announce`, ids of jobs that have changed.

    A lost connection is reopened, after pauses that double up to a limit. Notifications sent meanwhile are lost, so
    `resumed` is called whenever listening starts, and followers must then read the jobs themselves.
    """

    def __init__(
        self,
        database: Database,
        *,
        channel: str = CHANNEL,
        announced: Callable[[str], None],
        resumed: Callable[[], None],
    ) -> None:
        self._database = database
        self._listen = text(f"LISTEN {channel}")
        self._announced = announced
        self._resumed = resumed
        #: Whether notifications arrive now.
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled, by anyio's cancel scope. Never raises."""
        failures = 0
        while True:
            try:
                connection = await to_thread.run_sync(self._connected)
                try:
                    if failures:
                        _log.info("listening to the database again")
                    failures = 0
                    self._resumed()
                    self.listening = True
                    await self._hear(connection)
                finally:
                    self.listening = False
                    connection.invalidate()
                    connection.close()
            except (Unavailable, DBAPIError):
                if not failures:
                    _log.warning("the database does not answer; streams wait for it")
            except Exception:  # noqa: BLE001 - otherwise streams would wait for ever without a log entry
                _log.exception("unexpected error while listening to the database")
            failures += 1
            await asyncio.sleep(RECONNECTS.pause(failures))

    def _connected(self) -> Connection:
        connection = self._database.engine(pooled=False).connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(self._listen)
        return connection

    async def _hear(self, connection: Connection) -> None:
        """Pass on notifications until the connection is lost."""
        loop = asyncio.get_running_loop()
        driver: Any = connection.connection.driver_connection
        descriptor, lost = driver.fileno(), loop.create_future()

        def hear() -> None:
            try:
                driver.poll()
            except Error:
                loop.remove_reader(descriptor)
                lost.set_result(None)
            for notification in driver.notifies:
                self._announced(notification.payload)
            driver.notifies.clear()

        loop.add_reader(descriptor, hear)
        try:
            hear()  # what came together with the answer to LISTEN
            await lost
        finally:
            loop.remove_reader(descriptor)
