"""What lifting a reason would add: worked out when somebody asks."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.sheet_contents import TrainingSheetLifting
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, small_table
from training_pipeline.web.layout import problem


class LiftingQuestion:
    """A button, and the answer."""

    def __init__(self, client: PageClient, sheet_id: str) -> None:
        self._client = client
        self._sheet_id = sheet_id
        self._place = Tag("div", classes="after", aria_live="polite")
        with self._place:
            button("What would lifting a reason add?", kind="small").when("click", self._ask)

    async def _ask(self) -> None:
        self._place.clear()
        with self._place:
            Tag("p", "Judging the pairs as if …", classes="muted", role="status")
        try:
            found = await self._client.what_lifting_adds(self._sheet_id)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="It cannot be computed")
            return
        self._place.clear()
        with self._place:
            _show(found)


def _show(found: TrainingSheetLifting) -> None:
    Tag("h3", "What lifting a reason would add")
    if not found.reasons:
        Tag("p", "No pair is excluded for a reason that could be lifted.", classes="muted")
        return
    with small_table(
        "Lifting", ("If no pair were excluded because", "Pairs", "Would add"), numbers={"Pairs", "Would add"}
    ):
        for one in found.reasons:
            with Tag("tr"):
                Tag("td", MEANINGS[Reason(one.reason)])
                Tag("td", formats.count(one.pairs), classes="number")
                Tag("td", f"+{one.added:,}" if one.added >= 0 else f"{one.added:,}", classes="number")
    Tag(
        "p",
        "Each reason is counted separately; pairs excluded for another reason stay excluded. Nothing was changed.",
        classes="help",
    )
