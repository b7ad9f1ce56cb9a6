"""How studies and trials are shown: status badges, objectives, values and amounts."""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.domain.study import LIVE_TRIALS, StudyStatus, TrialStatus
from training_pipeline.schemas.study import Study, StudyReport
from training_pipeline.web import formats
from training_pipeline.web.elements import word_badge

_STUDIES: Final = {
    StudyStatus.RUNNING: ("running", "play"),
    StudyStatus.ENDING: ("stopping", "hourglass"),
    StudyStatus.FINISHED: ("succeeded", "check"),
    StudyStatus.STOPPED: ("cancelled", "stop"),
    StudyStatus.FAILED: ("failed", "alert"),
}
_TRIALS: Final = {
    TrialStatus.ASKED: ("pending", "clock"),
    TrialStatus.RUNNING: ("running", "play"),
    TrialStatus.SUCCEEDED: ("succeeded", "check"),
    TrialStatus.PRUNED: ("stopping", "stop"),
    TrialStatus.FAILED: ("failed", "alert"),
    TrialStatus.CANCELLED: ("cancelled", "stop"),
}
#: What is said of the figure of the best trial wherever it stands.
SELECTED: Final = "It was chosen on these pairs, as the best of all trials: expect worse results on others."


def study_badge(status: StudyStatus) -> None:
    """The badge of a study."""
    word_badge(*_STUDIES[status], str(status))


def trial_badge(status: TrialStatus) -> None:
    """The badge of a trial."""
    word_badge(*_TRIALS[status], str(status))


def measure(study: Study) -> str:
    """What the values of trials are of, in words."""
    return "validation loss" if study.measure == "val_loss" else study.measure


def value(found: Any) -> str:
    """A value of a configuration: a number that was drawn has digits that nobody asked for."""
    return formats.figure(found) if isinstance(found, float) else formats.value(found)


def ended(study: Study) -> int:
    """How many trials have ended."""
    return sum(count for status, count in study.trials.items() if status not in LIVE_TRIALS)


def money(amount: float, study: Study) -> str:
    """An amount in the currency of the price list."""
    return f"{formats.money(amount)} {study.currency or ''}".strip()


def spent(study: Study) -> str:
    """What the trials cost so far, and what they may; empty where nobody can say."""
    if study.cost is not None:
        return f"{formats.money(study.estimated_cost)} of {money(study.cost, study)}"
    return money(study.estimated_cost, study) if study.currency is not None else ""


def reported(report: StudyReport) -> str:
    """How good the best trial is on pairs that did not choose it."""
    where = f"On {'the half that was held back of ' if report.half else ''}the suite {report.suite}"
    if report.value is None:
        return f"{where} it has no {report.metric}: {report.message or report.status}"
    known = report.lower is not None and report.upper is not None
    ends = f"{formats.figure(report.lower)} to {formats.figure(report.upper)}, " if known else ""
    return f"{where}: {report.metric} {formats.figure(report.value)} ({ends}{report.pairs:,} pairs)"
