"""Server-sent events, in the format of the HTML standard, from the live updates of a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Final

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Send

from training_pipeline.api.events.live import News
from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.schemas.event import TrainingJobEvent, TrainingJobStreamEnd
from training_pipeline.schemas.training_job import TrainingJob

#: How long a client is to wait before it connects again.
RETRY_MILLISECONDS: Final = 3000
#: A client that takes nothing for this long is let go.
SEND_SECONDS: Final = 30.0
_HEARTBEAT: Final = format_sse_event(comment="heartbeat")
_log = logging.getLogger(__name__)


class EventStream(StreamingResponse):
    """Sends updates as fast as the client reads: the next one is only requested when the last one is sent.

    A client that has stopped reading is disconnected. When it reconnects it continues after the last complete
    message it received.
    """

    media_type = "text/event-stream"

    def __init__(self, told: AsyncGenerator[bytes, None]) -> None:
        super().__init__(told, headers={"X-Accel-Buffering": "no"})  # or nginx would keep it until it has enough
        self._told = told

    async def stream_response(self, send: Send) -> None:
        """Send all updates, then the end."""
        async with aclosing(self._told):
            try:
                async with asyncio.timeout(SEND_SECONDS) as limit:
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                    while True:
                        limit.reschedule(None)
                        piece = await anext(self._told, None)
                        limit.reschedule(asyncio.get_running_loop().time() + SEND_SECONDS)
                        await send({"type": "http.response.body", "body": piece or b"", "more_body": piece is not None})
                        if piece is None:
                            return
            except TimeoutError:
                _log.info("a stream was closed: its client had stopped reading")


async def told(
    news: AsyncGenerator[News | None, None], first: News, shown: Callable[[StoredJob], TrainingJob]
) -> AsyncGenerator[bytes, None]:
    """The messages for `first` and for all `news` after it; `shown` is a job as the one who asks sees it.

    The job comes as a `job` message whenever it has changed, each event as a message of its type that bears its id, and
    when the job is over a message `end`. A comment says that there is nothing new.
    """
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    last: TrainingJob | None = None
    piece: News | None = first
    async with aclosing(news):
        while True:
            if piece is None:
                yield _HEARTBEAT
            else:
                job = shown(piece.job)
                yield b"".join(_messages(job, piece, changed=job != last))
                last = job
            try:
                piece = await anext(news)
            except StopAsyncIteration:
                return


def _messages(job: TrainingJob, news: News, *, changed: bool) -> Iterator[bytes]:
    if changed:
        yield format_sse_event(event="job", data_str=job.model_dump_json())
    for found in news.events:
        event = TrainingJobEvent.model_validate(found)
        yield format_sse_event(event=event.type, id=str(event.id), data_str=event.model_dump_json())
    if news.over:
        end = TrainingJobStreamEnd(job_id=job.id, status=job.status)
        yield format_sse_event(event="end", data_str=end.model_dump_json())
