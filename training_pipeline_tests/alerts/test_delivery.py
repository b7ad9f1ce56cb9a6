"""One delivery of an alert, without a database; rounds of them are in `test_messages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest

from training_pipeline.alerts import delivery
from training_pipeline.alerts.targets import Undelivered


class Target:
    name = "slow"

    def __init__(self, *, until: Event, error: Exception | None = None) -> None:
        self._until = until
        self._error = error

    def send(self, alert: Mapping[str, Any]) -> None:
        self._until.wait()
        if self._error is not None:
            raise self._error


def test_a_target_that_never_comes_to_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SEND_SECONDS", 0.01)
    never = Event()
    try:
        with pytest.raises(Undelivered, match="it took longer than"):
            delivery._send(Target(until=never), {})
    finally:
        never.set()


@pytest.mark.parametrize("error", [Undelivered("it answered 500"), TimeoutError("theirs"), ValueError("x")])
def test_what_a_target_raises_comes_through(error: Exception) -> None:
    ready = Event()
    ready.set()
    delivery._send(Target(until=ready), {})
    with pytest.raises(type(error), match=str(error)):
        delivery._send(Target(until=ready, error=error), {})
