"""A job's events: paged, and as a live stream."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response

from training_pipeline.api.deps import LiveJobs, client_for
from training_pipeline.api.events.sse import EventStream, told
from training_pipeline.api.parameters import Cursor, JobId, PageNumber, PageRows
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.errors import Unavailable
from training_pipeline.schemas.event import TrainingJobEventPage

router = APIRouter(tags=["training jobs"])

STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events. `job`: the job (a TrainingJob), at the start and whenever it has "
        "changed, at most once a second, without an id. `status_change`, `progress_update`, `metric_update`, "
        "`error`, `info`: an event (a TrainingJobEvent) with its id, in the order of the ids. `end`: the last message; "
        "the job has ended. Streams are closed after a while: if `end` has not been received, reconnect with the last "
        "id. A comment is sent every 15 seconds.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "retry: 3000\n\n"
                'event: job\ndata: {"id":"tj-20261123-072145-9f3a2c","status":"succeeded"}\n\n'
                'event: status_change\ndata: {"id":4711,"new_status":"succeeded"}\nid: 4711\n\n'
                'event: end\ndata: {"job_id":"tj-20261123-072145-9f3a2c","status":"succeeded"}\n\n',
            }
        },
    },
    204: {"description": "The job has ended and has no events after the last one received: do not reconnect."},
}
_ID: Final[dict[str, Any]] = {"ge": 0, "lt": 2**63, "examples": [4711]}
LastEventIdHeader = Annotated[
    int | None,
    Header(alias="Last-Event-ID", description="Id of the last event received; only later events are sent.", **_ID),
]
LastEventId = Annotated[
    int | None,
    Query(description="For clients that cannot set the header, which takes precedence.", **_ID),
]


@router.get("/jobs/{job_id}/events", operation_id="getTrainingJobEvents")
def get_training_job_events(
    client: Annotated[LocalClient, client_for(LocalClient.events)],
    job_id: JobId,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> TrainingJobEventPage:
    """A job's events, newest first."""
    return client.events(job_id, page=page, page_size=page_size, cursor=cursor)


@router.get(
    "/jobs/{job_id}/events/stream",
    operation_id="streamTrainingJobEvents",
    status_code=200,
    response_class=EventStream,
    responses=STREAM,
)
async def stream_training_job_events(
    live: LiveJobs,
    client: Annotated[LocalClient, client_for(LocalClient.follow)],
    job_id: JobId,
    last_event_id_header: LastEventIdHeader = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Stream a job's events so far, or after the last one received, and then live, with the job as it changes."""
    after = last_event_id_header if last_event_id_header is not None else last_event_id
    news = live.follow(job_id, after or 0, token_id=client.caller.token_id)
    first = await anext(news, None)
    if first is None:
        raise Unavailable("This server is shutting down.")
    if first.over and not first.events:
        return Response(status_code=204)
    return EventStream(told(news, first, client.shown))
