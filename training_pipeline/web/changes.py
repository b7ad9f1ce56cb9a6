"""News of changed jobs, fanned out to the pages of this process: however many look, one asks."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from anyio import to_thread
from sqlalchemy import func, select

from training_pipeline.training_jobs.store import JobStore
from training_pipeline.training_jobs.tables import training_jobs

_log = logging.getLogger(__name__)

#: Stands for every job.
ANY_JOB: Final = ""
_LOOK_SECONDS: Final = 1.0


class Changes:
    """Tells who watches a job that it has changed. To be used on one event loop."""

    def __init__(self, store: Callable[[], JobStore]) -> None:
        self._store = store
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, job_id: str = ANY_JOB) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the job has changed; whoever waits for it clears it."""
        changed = asyncio.Event()
        self._watchers[job_id].add(changed)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield changed
        finally:
            self._watchers[job_id].discard(changed)
            if not self._watchers[job_id]:
                del self._watchers[job_id]
            if not self._watchers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        since: datetime | None = None
        while True:
            try:
                since, ids = await to_thread.run_sync(self._changed, since)
            except Exception:
                _log.warning("could not look for changed jobs", exc_info=True)
                ids = []
            for job_id in [*ids, *([ANY_JOB] if ids else [])]:
                for changed in self._watchers.get(job_id, ()):
                    changed.set()
            await asyncio.sleep(_LOOK_SECONDS)

    def _changed(self, since: datetime | None) -> tuple[datetime | None, list[str]]:
        table = training_jobs.c
        with self._store().begin() as connection:
            if since is None:
                return connection.scalar(select(func.max(table.updated_at))), []
            rows = connection.execute(select(table.id, table.updated_at).where(table.updated_at > since)).all()
        return max([since, *(row.updated_at for row in rows)]), [row.id for row in rows]
