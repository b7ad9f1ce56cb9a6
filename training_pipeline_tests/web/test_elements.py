from __future__ import annotations

import asyncio

import pytest

from training_pipeline.testing.ui.parts import a_page, happens, is_locked
from training_pipeline.web.elements import button

pytestmark = pytest.mark.anyio


async def test_a_double_click_does_it_once_and_the_button_works_again() -> None:
    done: list[int] = []
    go_on = asyncio.Event()

    async def action() -> None:
        done.append(1)
        await go_on.wait()
        if len(done) == 2:
            raise ValueError("refused")

    async with a_page():
        made = button("Approve").does(action)
        first = asyncio.ensure_future(happens(made))
        while not done:
            await asyncio.sleep(0)
        assert is_locked(made)
        await happens(made)
        go_on.set()
        await first
        assert (len(done), is_locked(made)) == (1, False)
        with pytest.raises(ValueError, match="refused"):
            await happens(made)
        assert not is_locked(made)
