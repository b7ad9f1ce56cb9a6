"""The pairs of a sheet in pages."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.testing.ui.parts import a_page, happens, named
from training_pipeline.web.client import PageClient
from training_pipeline.web.sheets.conversation import ConversationDialog
from training_pipeline.web.sheets.rows import SheetRowTable

pytestmark = pytest.mark.anyio


class Pages:
    """A client with three pages, each of which leads to the next."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.searched = ""

    async def sheet_pairs(self, sheet_id: str, *, cursor: str | None, search: str, **_: Any) -> TrainingSheetPairs:
        self.asked.append(cursor)
        self.searched = search
        await asyncio.sleep(0)
        following = {None: "second", "second": "third"}.get(cursor)
        return TrainingSheetPairs(
            training_sheet_id=sheet_id, digest="a" * 64, pairs=[], total=3, page_size=1, next_cursor=following
        )


async def test_a_double_click_on_next_turns_one_page() -> None:
    pages = Pages()
    client = cast("PageClient", pages)
    async with a_page() as page:
        await SheetRowTable(client, "s", ConversationDialog(client, "s")).load()
        await asyncio.gather(*(happens(named(page, "Next")) for _ in range(2)))
        await happens(named(page, "Next"))
        await happens(named(page, "Previous"))
        await happens(named(page, "Previous"))
    assert pages.asked == [None, "second", "third", "second", None]


async def test_a_pair_is_looked_for_from_the_start() -> None:
    pages = Pages()
    client = cast("PageClient", pages)
    async with a_page():
        await SheetRowTable(client, "s", ConversationDialog(client, "s"), search=" p-1 ").load()
    assert pages.searched == "p-1"
