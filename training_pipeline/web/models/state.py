"""How the state of a model version, and what came of its checks, are shown."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.model_version import MEANINGS, Cleanness, Outcome, VersionState
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.web.elements import word_badge

_STATES: Final = {
    VersionState.REGISTERED: ("succeeded", "check"),
    VersionState.UNFINISHED: ("stopping", "hourglass"),
    VersionState.TAINTED: ("failed", "alert"),
    VersionState.WITHDRAWN: ("cancelled", "stop"),
}
_OUTCOMES: Final = {
    Outcome.PASS: ("succeeded", "check"),
    Outcome.FAIL: ("failed", "alert"),
    Outcome.UNKNOWN: ("stopping", "hourglass"),
}
_GATE: Final = {
    Verdict.SHIP: ("succeeded", "check"),
    Verdict.DO_NOT_SHIP: ("failed", "alert"),
    Verdict.NOT_ENOUGH_EVIDENCE: ("stopping", "hourglass"),
}
_VERDICTS: Final = {
    Cleanness.CLEAN: ("succeeded", "check", "clean"),
    Cleanness.NOT_CLEAN: ("failed", "alert", "not clean"),
    Cleanness.UNKNOWN: ("stopping", "hourglass", "unknown"),
}


def state_badge(state: VersionState) -> None:
    """The badge of a state, with its meaning on hover."""
    word_badge(*_STATES[state], str(state), title=MEANINGS[state])


def outcome_badge(outcome: Outcome) -> None:
    """The badge of one check."""
    word_badge(*_OUTCOMES[outcome], str(outcome))


def verdict_badge(verdict: Cleanness) -> None:
    """The badge of all checks together."""
    word_badge(*_VERDICTS[verdict])


def gate_badge(verdict: Verdict, *, passed: str | None = None) -> None:
    """The badge of what a gate says; `passed` is another word for ship."""
    word = passed if passed is not None and verdict is Verdict.SHIP else str(verdict)
    word_badge(*_GATE[verdict], word)
