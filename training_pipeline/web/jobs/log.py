"""The tab Log: the end of what the trainer has printed, and what it adds."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, panel

#: So many parts are kept on the page; older ones go.
_MOST_PARTS: Final = 50
#: Whoever reads at the end of it stays there.
_STAY: Final = "(() => {{ const log = document.getElementById({id!r}); if (log) log.scrollTop = log.scrollHeight }})()"


class LogTab:
    """What is shown stays; new lines are added at the end."""

    def __init__(self, client: PageClient, job_id: str, _: dict[str, str]) -> None:
        self._client = client
        self._job_id = job_id
        self._offset: int | None = None
        self._parts: list[Tag] = []
        with panel("Log", name="log") as head:
            with head:
                self._size = Tag("span", "", classes="muted", role="status")
            self._earlier = Tag("p", classes="muted")
            with self._earlier:
                Tag("span", "This is the end of the log. All of it: ")
                Tag("code", f"training-pipeline jobs log {job_id}")
            self._earlier.set_visibility(False)
            self._nothing = Tag("p", "", classes="muted")
            self._log = Tag("pre", classes="json log", tabindex="0", role="log", aria_label="What the trainer printed")

    async def show(self, job: TrainingJob) -> None:
        """Add what the log has now."""
        part = await self._client.log(job.id, offset=self._offset)
        if self._offset is None and part.offset > 0:
            self._earlier.set_visibility(True)
        self._offset = part.next_offset
        self._size.say(f"{part.size:,} bytes" if part.size else "")
        if part.text:
            with self._log:
                self._parts.append(Tag("span", part.text))
            while len(self._parts) > _MOST_PARTS:
                self._parts.pop(0).delete()
                self._earlier.set_visibility(True)
            ui.run_javascript(_STAY.format(id=self._log.html_id))
        words = part.unavailable or ("Nothing was printed." if part.over else "Nothing was printed yet.")
        self._nothing.say(words)
        self._nothing.set_visibility(not self._parts)
        self._log.set_visibility(bool(self._parts))
