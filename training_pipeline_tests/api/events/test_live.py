from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from anyio import to_thread

from training_pipeline.api.events import live as live_module
from training_pipeline.api.events.live import Live, TooManyFollowers
from training_pipeline.app.container import Services
from training_pipeline.training_jobs.store.events import EventType


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


def test_one_token_takes_its_share_and_leaves_the_others_theirs(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "MOST_OF_ONE", 1)
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")

    async def follow() -> None:
        async with Live(services.store, services.database).running() as live:
            async with aclosing(live.follow(job.id, 0, token_id="greedy")) as first:
                await anext(first)
                with pytest.raises(TooManyFollowers, match="1 streams are open with this token"):
                    await anext(live.follow(job.id, 0, token_id="greedy"))
                for token_id in ("modest", None, None):
                    async with aclosing(live.follow(job.id, 0, token_id=token_id)) as other:
                        await anext(other)
            with live.changes(job.id, token_id="greedy"), pytest.raises(TooManyFollowers):
                await anext(live.follow(job.id, 0, token_id="greedy"))
            async with aclosing(live.follow(job.id, 0, token_id="greedy")) as again:
                await anext(again)

    asyncio.run(follow())
