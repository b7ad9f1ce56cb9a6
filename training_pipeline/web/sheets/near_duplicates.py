"""Groups of pairs that ask the same, or nearly: looked for when somebody asks."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.sheet_contents import TrainingSheetNearDuplicates
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, panel, small_table
from training_pipeline.web.layout import problem
from training_pipeline.web.sheets.conversation import ConversationDialog

_SHOWN = 8


class AlikePanel:
    """A button, and what it finds."""

    def __init__(self, client: PageClient, sheet_id: str, reads: ConversationDialog) -> None:
        self._client = client
        self._sheet_id = sheet_id
        self._reads = reads
        with panel("Near duplicates", name="alike"):
            Tag(
                "p",
                "Pairs that ask the same question, or nearly the same. A split keeps each group on one side.",
                classes="muted",
            )
            self._place = Tag("div", classes="after", aria_live="polite")
            with self._place:
                button("Look for near duplicates", kind="small").when("click", self._look)

    async def _look(self) -> None:
        self._place.clear()
        with self._place:
            Tag("p", "Comparing the questions…", classes="muted", role="status")
        try:
            found = await self._client.near_duplicates(self._sheet_id)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The questions cannot be compared")
            return
        self._place.clear()
        with self._place:
            self._show(found)

    def _show(self, found: TrainingSheetNearDuplicates) -> None:
        if not found.groups:
            Tag("p", "No two pairs that may be trained on ask nearly the same.")
            return
        groups = "1 group" if found.groups == 1 else f"{formats.count(found.groups)} groups"
        Tag("p", f"{formats.count(found.pairs)} pairs in {groups}.")
        with small_table("Near duplicates", ("Pairs", "Wordings", "Which"), numbers={"Pairs", "Wordings"}):
            for group in found.largest:
                with Tag("tr"):
                    Tag("td", formats.count(group.pairs), classes="number")
                    Tag("td", formats.count(group.wordings), classes="number")
                    with Tag("td", classes="which"):
                        for pair_id in group.pair_ids[:_SHOWN]:
                            shown = button(pair_id, kind="quiet small", aria_label=f"Read pair {pair_id}")
                            shown.when("click", lambda _, pair_id=pair_id: self._reads.show(pair_id))
                        if group.pairs > _SHOWN:
                            Tag("span", f"and {group.pairs - min(_SHOWN, len(group.pair_ids)):,} more", classes="muted")
        if found.groups > len(found.largest):
            Tag("p", f"and {found.groups - len(found.largest):,} smaller groups", classes="muted")
