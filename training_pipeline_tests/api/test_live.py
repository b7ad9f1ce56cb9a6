from __future__ import annotations

import asyncio

from anyio import to_thread

from training_pipeline.api.live import Live
from training_pipeline.training_jobs.services import Services
from training_pipeline.training_jobs.store import EventType


def test_who_waits_for_changes_is_woken_by_those_of_the_job_or_of_any(services: Services) -> None:
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")

    async def told() -> None:
        async with Live(services.store, services.database).running() as live:
            with live.changes(job.id) as one, live.changes() as any_job, live.changes("tj-other") as other:
                everyone = (one, any_job, other)
                for waiting in everyone:  # listening has begun: whatever was announced before went by unheard
                    await asyncio.wait_for(waiting.wait(), 30)
                    waiting.clear()
                await to_thread.run_sync(services.store.record, job.id, EventType.INFO, "Something.")
                for waiting in (one, any_job):
                    await asyncio.wait_for(waiting.wait(), 30)
                assert not other.is_set()

    asyncio.run(told())
