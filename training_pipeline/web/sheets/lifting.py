"""What lifting a restriction would add: worked out when somebody asks."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.export_summary import restriction_in_words
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
            button("What would lifting a restriction add?", kind="small").when("click", self._ask)

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
    Tag("h3", "What lifting a restriction would add")
    if not found.restrictions:
        Tag("p", "No pair has a restriction that could be lifted.", classes="muted")
        return
    columns = ("If no pair had the restriction", "Pairs", "Would add", "For validation")
    with small_table("Lifting", columns, numbers=set(columns[1:])):
        for one in found.restrictions:
            with Tag("tr"):
                Tag("td", restriction_in_words(one.by, one.name))
                Tag("td", formats.count(one.pairs), classes="number")
                Tag("td", f"{one.added:+,}", classes="number")
                Tag("td", f"{one.may_validate:+,}", classes="number")
    Tag(
        "p",
        "Each restriction is counted separately; pairs excluded for another reason, or revoked, stay excluded. "
        "Nothing was changed.",
        classes="help",
    )
