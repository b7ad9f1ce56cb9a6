"""What a steward sees and may click, while others edit the same sheet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.testing.ui.parts import a_page, happens, is_locked, named, said
from training_pipeline.web.client import PageClient
from training_pipeline.web.sheets.review import Review

pytestmark = pytest.mark.anyio

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def pair(pair_id: str, **stated: Any) -> SheetPair:
    return SheetPair.model_validate({**dict.fromkeys(SheetPair.model_fields), "pair_id": pair_id, **stated})


class Stewards:
    """A client whose edits lead from one digest to another, once they may."""

    def __init__(self, *, made: tuple[str, str] = (A, B), refused: PipelineError | None = None) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.undone: list[tuple[int, str]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.made, self.refused = made, refused

    async def edit_pairs(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetEdit:
        self.asked.append(body)
        await self.go_on.wait()
        if self.refused is not None:
            raise self.refused
        return self._edit(sheet_id)

    async def undo_edit(self, sheet_id: str, number: int, digest: str) -> TrainingSheetEdit:
        self.undone.append((number, digest))
        return self._edit(sheet_id, undoes=number)

    async def pair_text(self, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
        return (("user", f"Where does {pair_id} of {sheet_id} go?"), ("assistant", "desk 1"))

    def _edit(self, sheet_id: str, **fields: Any) -> TrainingSheetEdit:
        old, new = self.made
        values = {"number": 7, "training_sheet_id": sheet_id, "actor": "grace", "created_at": datetime.now(UTC)}
        rest: dict[str, Any] = {"state": "applied", "undoes": None, "undone_by": None, "pairs": 1, "edited": []}
        return TrainingSheetEdit.model_validate({**values, **rest, "old_digest": old, "new_digest": new, **fields})


def review_of(client: Stewards, *, renews: bool = False) -> Review:
    """A review of pairs p-0 and p-1 as of version A, of which the first is selected."""

    async def renewed() -> None:
        if renews:
            review.shows(client.made[1], pairs)

    pairs = [pair("p-0"), pair("p-1")]
    review = Review(cast("PageClient", client), "s", renewed)
    review.shows(A, pairs)
    for one in pairs:
        review.box(one)
    return review


async def test_what_another_steward_edited_is_not_overwritten_before_it_is_seen() -> None:
    stewards = Stewards(made=(B, C))  # somebody made B of A meanwhile
    async with a_page() as page:
        review_of(stewards)
        for pair_id in ("p-0", "p-1"):
            await happens(named(page, f"Select {pair_id}"), "change", True)
            await happens(named(page, "Approve"))
            await happens(named(page, f"Select {pair_id}"), "change", False)
    assert [asked["digest"] for asked in stewards.asked] == [A, A]


async def test_what_one_edited_oneself_is_no_surprise() -> None:
    stewards = Stewards()
    async with a_page() as page:
        review_of(stewards)
        await happens(named(page, "Select p-0"), "change", True)
        await happens(named(page, "Approve"))
        await happens(named(page, "Undo edit 7"))
    assert ([asked["digest"] for asked in stewards.asked], stewards.undone) == ([A], [(7, B)])


async def test_while_an_edit_is_made_nothing_can_be_clicked() -> None:
    stewards = Stewards()
    async with a_page() as page:
        review_of(stewards)
        await happens(named(page, "Select p-0"), "change", True)
        stewards.go_on.clear()
        first = asyncio.ensure_future(happens(named(page, "Approve")))
        while not stewards.asked:
            await asyncio.sleep(0)
        assert all(is_locked(named(page, name)) for name in ("Approve", "Reject", "Flag", "Uses …", "Edit answer …"))
        await happens(named(page, "Approve"))  # a second click was on its way
        stewards.go_on.set()
        await first
        assert not is_locked(named(page, "Approve"))
    assert len(stewards.asked) == 1


async def test_a_refusal_is_said_and_the_rows_are_shown_anew() -> None:
    stewards = Stewards(made=(A, C), refused=Conflict("Pairs have changed since you opened them."))
    async with a_page() as page:
        review_of(stewards, renews=True)
        await happens(named(page, "Select p-0"), "change", True)
        await happens(named(page, "Reject"))
        assert {"Nothing was changed", "Select pairs to review them."} <= set(said(page))
