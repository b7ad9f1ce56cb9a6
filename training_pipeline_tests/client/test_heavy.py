from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from training_pipeline.app.heavy_reads import AT_ONCE, TooManyReads, heavy_turns
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import Caller, Role

#: With arguments that lead nowhere: each is refused before it looks at them.
VERBS: dict[str, tuple[object, ...]] = {
    "sheet_lengths": ("s",),
    "near_duplicates": ("s",),
    "what_lifting_adds": ("s",),
    "sheet_diff": ("s", "s"),
    "preview": ("s",),
    "verify_model_version": ("m", "1"),
    "diff": ("j", "j"),
    "check_suite": ("s", "j"),
}


class Parts:
    """Services of which only the turns are there."""

    settings = None

    def __init__(self) -> None:
        self.heavy_reads = heavy_turns(wait_seconds=0.01)


@pytest.mark.parametrize("verb", VERBS)
def test_what_reads_much_waits_for_a_turn(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_pipeline.client.services.Urls.of", lambda _: None)
    parts: Any = Parts()
    client = LocalClient(parts, Caller("eve", Role.VIEWER))
    assert least_role(getattr(LocalClient, verb)) == Role.VIEWER
    with ExitStack() as held:
        for number in range(AT_ONCE):
            held.enter_context(parts.heavy_reads.of(f"person-{number}", waits=False))
        with pytest.raises(TooManyReads, match=f"{AT_ONCE} requests"):
            getattr(client, verb)(*VERBS[verb])
    with pytest.raises(AttributeError):  # it has its turn, and there is nothing else
        getattr(client, verb)(*VERBS[verb])
