"""The tab Events: what happened to the job, newest first."""

from __future__ import annotations

import json
from typing import Final

from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Badge, Tag, badge_of, button, empty, icon, moment, panel

_ICONS: Final = {
    EventType.STATUS_CHANGE: "info",
    EventType.PROGRESS_UPDATE: "chart",
    EventType.METRIC_UPDATE: "chart",
    EventType.ERROR: "alert",
    EventType.INFO: "info",
}
_PAGE: Final = 50
_MOST: Final = 200


class EventsTab:
    """New events are added at the top; those that are shown stay as they are."""

    def __init__(self, client: PageClient, job_id: str, _: dict[str, str]) -> None:
        self._client = client
        self._job_id = job_id
        self._wanted = _PAGE
        self._seen: dict[int, Tag] = {}
        with panel("Events", name="events") as head:
            with head:
                self._total = Tag("span", "", classes="muted", role="status")
            self._list = Tag("ol", classes="events")
            self._nothing = Tag("div")
            with self._nothing:
                empty("clock", "No events yet.")
            self._more = button("Show older events", kind="small").when("click", self._older)
            self._rest = Tag("p", "Older events: GET /jobs/{id}/events.", classes="muted")

    async def show(self, _: TrainingJob) -> None:
        """Show what there is now."""
        page = await self._client.events(self._job_id, page_size=self._wanted)
        self._total.say(f"{page.total:,}")
        self._nothing.set_visibility(not page.events)
        self._more.set_visibility(page.total > self._wanted < _MOST)
        self._rest.set_visibility(page.total > _MOST <= self._wanted)
        for place, event in enumerate(page.events):
            if event.id not in self._seen:
                with self._list:
                    self._seen[event.id] = _entry(event)
                self._seen[event.id].move(self._list, place)

    async def _older(self) -> None:
        self._wanted = _MOST
        await self.show(await self._client.job(self._job_id))


def _entry(event: TrainingJobEvent) -> Tag:
    bad = event.type is EventType.ERROR
    whole = Tag("li", classes="event is-bad" if bad else "event")
    with whole:
        with Tag("span", classes="event-mark"):
            icon(_ICONS[event.type] if event.new_status is None else badge_of(event.new_status).picture)
        with Tag("div", classes="event-body"):
            with Tag("div", classes="event-line"):
                first, _, rest = event.message.partition("\n")
                Tag("span", first, classes="event-words")
                if event.new_status is not None:
                    Badge(event.new_status)
            if rest:
                Tag("pre", rest, classes="cause-more")
            with Tag("div", classes="sub"):
                moment(event.created_at, style="date-time")
                Tag("span", f" · {event.actor}")
            if event.data:
                with Tag("details"):
                    Tag("summary", "Data")
                    Tag("pre", json.dumps(event.data, indent=2, ensure_ascii=False), classes="json")
    return whole
