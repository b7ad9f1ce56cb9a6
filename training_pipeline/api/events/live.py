"""Live updates: followers of a job get what is new about it, whichever process wrote it.

The database notifies that a job has changed; then the job is read, once for all followers that have seen the same
events. It is read once a second at most, so a job that changes all the time costs no more than that, and one that
does not change costs nothing. Nothing is buffered for slow followers: they get what is new when they ask.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from anyio import CapacityLimiter, create_task_group

from training_pipeline.api.events.listener import Listener
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import TERMINAL, TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.store.events import Event
from training_pipeline.training_jobs.store.jobs import JobStore

#: A job is looked at once in this time at most.
PACE_SECONDS: Final = 1.0
#: How often a follower hears at least that there is nothing new.
HEARTBEAT_SECONDS: Final = 15.0
#: A database that does not answer is asked again after this long, or as soon as the listener has reached it.
RETRY_SECONDS: Final = 5.0
#: A stream ends after this long; the follower reconnects, and its permissions are checked again.
MOST_SECONDS: Final = 900.0
#: So many may follow jobs at the same time; the server has room for some more requests than that.
MOST_FOLLOWERS: Final = 1500
#: Limit of streams for one token, so that no token can lock out the others.
MOST_OF_ONE: Final = 300
EVENTS_AT_ONCE: Final = 100
#: Stands for every job where changes are waited for.
ANY_JOB: Final = ""
#: Looks under way at the same time: each takes a thread and a connection, which other requests need too.
_LOOKS: Final = 4


class TooManyFollowers(Unavailable):
    """Too many clients follow jobs already."""

    code = "too_many_streams"


@dataclass(frozen=True, slots=True)
class News:
    """A job as it is, and the oldest of its events that were not sent yet."""

    job: TrainingJob
    events: Sequence[Event]

    @property
    def more(self) -> bool:
        """Whether there may be further events already."""
        return len(self.events) == EVENTS_AT_ONCE

    @property
    def over(self) -> bool:
        """Whether the job has ended and these are the last of its events."""
        return self.job.status in TERMINAL and not self.more


class _Topic:
    """Everyone who follows one job: each has an event that is set when there may be news."""

    def __init__(self, rounds: Iterator[int]) -> None:
        self._rounds = rounds
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self.followers: set[asyncio.Event] = set()
        #: Another number each time that they are woken: a look of this round sees whatever was announced before it.
        self.round = next(rounds)

    def changed(self) -> None:
        """Wake all followers: now, or as soon as the pace allows."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._last + PACE_SECONDS), self._wake)

    def close(self) -> None:
        """Stop waking followers."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        self._timer, self._last, self.round = None, asyncio.get_running_loop().time(), next(self._rounds)
        for follower in self.followers:
            follower.set()


class Live:
    """Follows jobs. To be used on one event loop, while `running`."""

    def __init__(self, store: JobStore, database: Database) -> None:
        self._store = store
        self._listener = Listener(database, announced=self._changed, resumed=self._all_changed)
        self._topics: dict[str, _Topic] = {}
        self._rounds = itertools.count()
        self._followers_of: Counter[str] = Counter()
        self._looks: SingleFlight[News] = SingleFlight(CapacityLimiter(_LOOKS))
        self._ended = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Live]:
        """Listen to the database while the context is open."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._listener.run)
            yield self
            self.end()
            tasks.cancel_scope.cancel()

    @property
    def listening(self) -> bool:
        """Whether followers hear of changes as they happen; all were woken when that began."""
        return self._listener.listening

    def end(self) -> None:
        """End all streams at once. Followers may reconnect to another server."""
        self._ended = True
        for topic in self._topics.values():
            for follower in topic.followers:
                follower.set()

    async def follow(
        self, job_id: str, after: int, *, token_id: str | None = None
    ) -> AsyncGenerator[News | None, None]:
        """The state of a job now, then what is new: every event with a greater id than `after`, in order, once.

        None where there was nothing for a while. Comes to an end when the job is over, when `end` is called, and after
        `MOST_SECONDS`. The first step raises `NotFound`, `TooManyFollowers` and `Unavailable`; after it, a database
        that does not answer is waited for. Close the iterator when leaving it early. `token_id` is whose share of all
        that may follow jobs it takes; None is nobody's.
        """
        time = asyncio.get_running_loop().time
        end, due, first = time() + MOST_SECONDS, True, True
        with self._share_of(token_id), self._following(job_id) as (topic, wake):
            while not self._ended and time() < end:
                if not due and not await _is_set_within(wake, HEARTBEAT_SECONDS):
                    yield None
                    continue
                wake.clear()  # before looking: whatever is announced from now on wakes us again
                try:
                    news = await self._look(topic, job_id, after)
                except Unavailable:
                    if first:
                        raise
                    yield None
                    await _is_set_within(wake, RETRY_SECONDS)
                    due = True
                    continue
                yield news
                if news.over:
                    return
                after = news.events[-1].id if news.events else after
                due, first = news.more, False

    @contextmanager
    def changes(self, job_id: str = ANY_JOB, *, token_id: str | None = None) -> Iterator[asyncio.Event]:
        """An event that is set when the job, or any job, may have changed; who waits for it clears it before looking.

        It is set once in `PACE_SECONDS` at most. Raises `TooManyFollowers`; `token_id` is as for `follow`.
        """
        with self._share_of(token_id), self._following(job_id) as (_, wake):
            yield wake

    @contextmanager
    def _share_of(self, token_id: str | None) -> Iterator[None]:
        if token_id is None:
            yield
            return
        if self._followers_of[token_id] >= MOST_OF_ONE:
            raise TooManyFollowers(
                f"{MOST_OF_ONE:,} streams are open with this token, which is the limit.",
                hint="Close some, or poll the job instead.",
            )
        self._followers_of[token_id] += 1
        try:
            yield
        finally:
            self._followers_of[token_id] -= 1
            if not self._followers_of[token_id]:
                del self._followers_of[token_id]

    @contextmanager
    def _following(self, job_id: str) -> Iterator[tuple[_Topic, asyncio.Event]]:
        following = sum(len(topic.followers) for topic in self._topics.values())
        if following >= MOST_FOLLOWERS:
            raise TooManyFollowers(
                f"{following:,} streams are open, which is the limit.",
                hint="Close some, or poll the job instead.",
            )
        topic, wake = self._topics.setdefault(job_id, _Topic(self._rounds)), asyncio.Event()
        topic.followers.add(wake)
        try:
            yield topic, wake
        finally:
            topic.followers.remove(wake)
            if not topic.followers:
                topic.close()
                del self._topics[job_id]

    async def _look(self, topic: _Topic, job_id: str, after: int) -> News:
        def look() -> News:
            return News(*self._store.news(job_id, after=after, limit=EVENTS_AT_ONCE))

        return await self._looks.run(f"{job_id} {after} {topic.round}", look)

    def _changed(self, job_id: str) -> None:
        for key in (job_id, ANY_JOB):
            if (topic := self._topics.get(key)) is not None:
                topic.changed()

    def _all_changed(self) -> None:
        for topic in self._topics.values():
            topic.changed()


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
