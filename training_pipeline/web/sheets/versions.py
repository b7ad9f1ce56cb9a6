"""The earlier versions of a training sheet, and what changed since one of them."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.sheet_versions import TrainingSheetVersions
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, moment, panel
from training_pipeline.web.layout import problem
from training_pipeline.web.sheets.changes import show_changes


class VersionsPanel:
    """Lists the versions; the changes since one are worked out when they are asked for."""

    def __init__(self, client: PageClient, sheet_id: str, found: TrainingSheetVersions) -> None:
        self._client = client
        self._sheet_id = sheet_id
        with panel("Earlier versions", name="versions"):
            if not found.versions:
                Tag("p", "None was kept.", classes="muted")
                return
            with Tag("ul", classes="plain"):
                for version in found.versions:
                    name = version.name
                    with Tag("li"):
                        Tag("code", name)
                        Tag("span", " replaced ", classes="muted")
                        moment(version.kept_at)
                        Tag("span", " ")
                        shown = button(
                            "What changed since", kind="quiet small", aria_label=f"What changed since {name}"
                        )
                        shown.when("click", lambda _, name=name: self._compare(name))
            self._place = Tag("div", classes="after", aria_live="polite")

    async def _compare(self, name: str) -> None:
        try:
            found = await self._client.sheet_diff(name, self._sheet_id)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The versions cannot be compared")
            return
        self._place.clear()
        with self._place:
            show_changes(f"From {name} to now", found)
