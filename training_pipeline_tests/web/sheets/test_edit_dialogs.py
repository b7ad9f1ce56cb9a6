"""Dialogs that edit pairs close once it is done, and lose nothing that was typed before."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from training_pipeline.domain.errors import Conflict, InvalidRequest, PipelineError
from training_pipeline.schemas.sheet_pairs import SheetPair
from training_pipeline.testing.ui.parts import a_page, happens, is_locked, named, said
from training_pipeline.web.client import PageClient
from training_pipeline.web.sheets.edit_dialogs import AnswerDialog, UsesDialog

pytestmark = pytest.mark.anyio


class Asked:
    """What a dialog asks for, and the answers that it gets, one after the other; None is success."""

    def __init__(self, *answers: PipelineError | None) -> None:
        self.changes: list[dict[str, Any]] = []
        self._answers = list(answers)

    async def apply(self, changes: dict[str, Any], done: str) -> PipelineError | None:
        assert done
        self.changes.append(changes)
        await asyncio.sleep(0)
        return self._answers.pop(0)

    async def pair_text(self, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
        return (("user", f"Where does {pair_id} of {sheet_id} go?"), ("assistant", "desk 1"))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dialogs that were closed."""
    found: list[str] = []
    for dialog in (AnswerDialog, UsesDialog):
        monkeypatch.setattr(dialog, "close", lambda self: found.append(type(self).__name__))
    return found


async def test_a_refused_answer_stays_until_it_is_taken(closed: list[str]) -> None:
    asked = Asked(InvalidRequest("It must not be empty."), None)
    async with a_page() as page:
        dialog = AnswerDialog(cast("PageClient", asked), "s", asked.apply)
        await dialog.ask("p-1")
        (field,) = (one for one in page.elements.values() if one.tag == "textarea")
        await happens(field, "input", "desk 7")
        await happens(named(page, "Save"))
        assert ("Nothing was changed" in said(page), closed) == (True, [])
        await happens(named(page, "Save and approve"))
        assert ("Nothing was changed" in said(page), closed) == (False, ["AnswerDialog"])
    assert asked.changes == [{"answer": "desk 7"}, {"answer": "desk 7", "status": "labeled"}]


async def test_pairs_that_others_changed_have_to_be_looked_at_again(closed: list[str]) -> None:
    asked = Asked(Conflict("Pairs have changed since you opened them."))
    async with a_page() as page:
        dialog = AnswerDialog(cast("PageClient", asked), "s", asked.apply)
        await dialog.ask("p-1")
        await happens(named(page, "Save"))
        assert [is_locked(named(page, name)) for name in ("Save", "Save and approve", "Back")] == [True, True, False]
        await dialog.ask("p-1")
        assert ("Nothing was changed" in said(page), is_locked(named(page, "Save"))) == (False, False)
    assert closed == []


async def test_uses_are_set_once_by_a_double_click(closed: list[str]) -> None:
    asked = Asked(None)
    nothing = dict.fromkeys(SheetPair.model_fields)
    pairs = [
        SheetPair.model_validate({**nothing, "pair_id": name, "allowed_uses": [name]}) for name in ("training", "x")
    ]
    async with a_page() as page:
        dialog = UsesDialog(asked.apply)
        dialog.ask(pairs)
        for _ in range(2):
            await happens(named(page, "Set uses"))
            assert [text for text in said(page) if text.startswith("Choose")] == [
                "Choose for training, too: the pairs differ."
            ]
        dialog.ask(pairs[:1])
        await asyncio.gather(*(happens(named(page, "Set uses")) for _ in range(2)))
    assert (asked.changes, closed) == ([{"allowed_uses": ["training"], "prohibited_uses": []}], ["UsesDialog"])
