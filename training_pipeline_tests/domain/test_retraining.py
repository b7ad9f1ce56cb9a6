"""When a training sheet is due to be trained again, and what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.retraining import (
    Changes,
    Decision,
    LastJob,
    Retraining,
    decide,
    lost_permission,
    retraining_of,
)
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
COUNTS = st.integers(0, 500)


def sheet(block: Any = None, status: SheetStatus = SheetStatus.APPROVED) -> TrainingSheet:
    return TrainingSheet(
        id="s",
        name="S",
        status=status,
        source_sheet=Reference(id="invoices"),
        prompt_template=Reference(id="triage"),
        metadata={} if block is None else {"retraining": block},
    )


def decision(block: Any = None, **facts: Any) -> Decision:
    head = sheet({"model_name": "triage", **(block or {})}, facts.pop("status", SheetStatus.APPROVED))
    known: dict[str, Any] = {"active": None, "latest": None, "changes": Changes(eligible=100), "min_pairs": 10}
    return decide(head, retraining_of(head), **{**known, "now": NOW, **facts})


def job(days: float, status: JobStatus = JobStatus.SUCCEEDED) -> LastJob:
    return LastJob(id="tj-1", status=status, created_at=NOW - timedelta(days=days))


def test_a_sheet_opts_in_with_a_block_that_asks_as_a_request_does() -> None:
    rule = retraining_of(
        sheet(
            {
                "model_name": "triage",
                "base_model": "builtin:tiny",
                "training_config": {"epochs": 3},
                "min_changed_pairs": 20,
                "min_days": 3,
            }
        )
    )
    assert rule is not None
    request = rule.request(sheet())
    assert (request.training_sheet_id, request.model_name, request.base_model) == ("s", "triage", "builtin:tiny")
    assert request.training_config.model_dump(exclude_unset=True) == {"epochs": 3}
    assert (rule.min_changed_pairs, rule.min_days) == (20, 3)
    with pytest.raises(ValueError, match="frozen"):
        rule.min_days = 1  # type: ignore[misc]


def test_every_wrong_field_of_the_block_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        retraining_of(sheet({"min_changed_pairs": 0, "training_config": {"epochs": 99}, "weekly": True}))
    assert {problem.pointer for problem in caught.value.problems} >= {
        "/model_name",
        "/min_changed_pairs",
        "/training_config/epochs",
        "/weekly",
    }
    assert "min_days" in caught.value.hint
    with pytest.raises(InvalidRequest):
        retraining_of(sheet("yes"))
    with pytest.raises(InvalidRequest):
        retraining_of(sheet({"model_name": "triage", "training_sheet_id": "another"}))


def test_one_that_has_not_opted_in_is_not_due_and_says_how() -> None:
    found = decide(sheet(), None, active=None, latest=None, changes=None, min_pairs=10, now=NOW)
    assert found == Decision(due=False, why="not opted in: its metadata has no block `retraining`")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"status": SheetStatus.REVIEW}, "a sheet with status `review`"),
        ({"active": job(0.1, JobStatus.RUNNING)}, "training job tj-1 is running"),
        ({"changes": Changes(removed=95, eligible=5)}, "only 5 pairs may be trained on, at least 10 are needed"),
        ({"latest": job(2), "changes": Changes(added=50, eligible=90)}, "2.0 days old, and the rule requires 7 days"),
        ({"changes": Changes(eligible=90)}, "0 added, 0 removed, 0 newly prohibited: 0 changed, 1 required"),
    ],
)
def test_what_keeps_a_sheet_from_being_due(facts: dict[str, Any], why: str) -> None:
    found = decision(**facts)
    assert not found.due
    assert why in found.why


def test_a_sheet_that_changed_enough_is_due_with_its_numbers() -> None:
    changed = Changes(added=12, removed=3, newly_prohibited=2, edited=1, eligible=90)
    found = decision({"min_changed_pairs": 18}, latest=job(8), changes=changed)
    assert found.due
    assert found.why == "12 added, 3 removed, 2 newly prohibited, 1 edited: 18 changed, 18 required"
    assert decision({"min_changed_pairs": 19}, latest=job(8), changes=changed).due is False


def test_a_sheet_that_was_never_trained_is_due_and_one_that_failed_waits_its_days() -> None:
    assert decision(changes=None) == Decision(due=True, why="no training job has succeeded yet")
    assert not decision(changes=None, latest=job(1, JobStatus.FAILED)).due
    withdrawn = Changes(newly_prohibited=1, eligible=90)
    assert not decision(changes=withdrawn, latest=job(1, JobStatus.FAILED)).due
    assert decision(changes=withdrawn, latest=job(1)).due


@given(
    added=COUNTS, removed=COUNTS, prohibited=COUNTS, edited=COUNTS, wanted=st.integers(1, 2500), days=st.floats(0, 60)
)
def test_due_means_enough_changes_and_enough_days(
    added: int, removed: int, prohibited: int, edited: int, wanted: int, days: float
) -> None:
    changed = Changes(added=added, removed=removed, newly_prohibited=prohibited, edited=edited, eligible=100)
    found = decision({"min_changed_pairs": wanted, "min_days": 7}, latest=job(days), changes=changed)
    assert found.due == (added + removed + prohibited + edited >= wanted and (days >= 7 or prohibited > 0))
    assert f"{added} added, {removed} removed, {prohibited} newly prohibited" in found.why


def test_lost_permission_is_warned_of_with_its_pairs() -> None:
    assert lost_permission(None, "m") is None
    assert lost_permission(Changes(removed=5), "m") is None
    said = lost_permission(Changes(newly_prohibited=3, prohibited_ids=("p-1", "p-2")), "Model m version 4")
    assert said is not None
    assert said.startswith("Model m version 4 was trained on 3 pairs that may no longer be trained on (p-1, p-2 and 1 ")


def test_the_rule_is_a_request_with_three_fields_more() -> None:
    from training_pipeline.domain.training_config import JobRequest

    assert set(Retraining.model_fields) - set(JobRequest.model_fields) == {
        "min_changed_pairs",
        "min_days",
        "when_tainted",
    }
