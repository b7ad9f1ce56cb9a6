from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import Forbidden, NotYours
from training_pipeline.domain.job import Action, TrainingJob
from training_pipeline.testing.jobs import new_job
from training_pipeline.training_jobs.lifecycle.authorized import CallersJobs

VERBS: dict[str, Callable[[CallersJobs], Any]] = {
    "create": lambda jobs: jobs.create({}),
    "plan": lambda jobs: jobs.plan({}),
    "get": lambda jobs: jobs.get("x"),
    "list": lambda jobs: jobs.list(),
    "poll": lambda jobs: jobs.poll("x"),
    "cancel": lambda jobs: jobs.cancel("x", reason="r"),
    "retry": lambda jobs: jobs.retry("x", changes={"epochs": 1}),
    "plan_retry": lambda jobs: jobs.plan_retry("x", changes={"epochs": 1}),
}


class Recording:
    """A service that knows one job, of ada, and keeps what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, job_id: str) -> TrainingJob:
        return new_job(created_by="ada")

    def __getattr__(self, verb: str) -> Any:
        return lambda *_, **arguments: self.asked.append((verb, arguments))


def done_by(caller: Caller) -> list[tuple[str, dict[str, Any]]]:
    """What of everything that can be asked for reaches the service."""
    service = Recording()
    for ask in VERBS.values():
        try:
            ask(CallersJobs(caller, service))  # type: ignore[arg-type]
        except Forbidden:
            continue
    return service.asked


def test_every_verb_is_tried_here() -> None:
    assert set(VERBS) == {name for name in vars(CallersJobs) if not name.startswith("_")} - {"caller", "service"}
    assert set(Action) <= set(VERBS)


@pytest.mark.parametrize(
    ("caller", "verbs"),
    [
        (Caller("ada", Role.VIEWER), {"list", "poll"}),
        (Caller("eve", Role.OPERATOR), {"list", "poll", "create", "plan"}),
        (Caller("ada", Role.OPERATOR), {"list", "poll", "create", "plan", "cancel", "retry", "plan_retry"}),
        (Caller("eve", Role.ADMIN), {"list", "poll", "create", "plan", "cancel", "retry", "plan_retry"}),
    ],
)
def test_only_what_the_caller_may_reaches_the_service(caller: Caller, verbs: set[str]) -> None:
    assert {verb for verb, _ in done_by(caller)} == verbs


def test_the_caller_is_the_actor() -> None:
    asked = dict(done_by(Caller("eve", Role.ADMIN)))
    assert asked["create"]["created_by"] == asked["cancel"]["actor"] == asked["retry"]["actor"] == "eve"


def test_whose_job_it_is_is_said() -> None:
    with pytest.raises(NotYours, match="is ada's"):
        CallersJobs(Caller("eve", Role.OPERATOR), Recording()).cancel("x", reason="r")  # type: ignore[arg-type]
