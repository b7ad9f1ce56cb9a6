from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.access import LEAST, Caller, Role, allowed_actions, local_caller, require, require_role
from training_pipeline.domain.errors import Forbidden, NotYours, PipelineError
from training_pipeline.domain.job import Action, JobStatus, TrainingJob
from training_pipeline.testing.jobs.jobs import new_job

CALLERS = st.builds(Caller, st.sampled_from(["ada", "eve"]), st.sampled_from(Role))
JOBS = st.builds(lambda status, by: new_job(status=status, created_by=by), st.sampled_from(JobStatus), st.just("ada"))


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [
        (Role.VIEWER, {Action.POLL}, {Action.POLL}),
        (Role.OPERATOR, set(Action), {Action.POLL}),
        (Role.STEWARD, {Action.POLL}, {Action.POLL}),
        (Role.ADMIN, set(Action), set(Action)),
    ],
)
def test_the_rules(role: Role, own: set[Action], others: set[Action]) -> None:
    job = new_job(created_by="ada")
    assert {action for action in Action if Caller("ada", role).may(action, job)} == own
    assert {action for action in Action if Caller("eve", role).may(action, job)} == others


@given(CALLERS, JOBS, st.sampled_from(Action))
def test_what_is_shown_as_allowed_is_what_is_let_through(caller: Caller, job: TrainingJob, action: Action) -> None:
    def refused() -> PipelineError | None:
        try:
            require(caller, action, job)
        except PipelineError as error:
            return error
        return None

    assert (refused() is None) == caller.may(action, job)
    shown = allowed_actions(caller, job)
    assert set(shown) == {a for a in job.allowed_actions if caller.may(a, job)}
    assert [a for a in job.allowed_actions if a in shown] == list(shown)


def test_each_verb_has_a_rule_and_one_without_is_for_admins() -> None:
    assert set(LEAST) == set(Action)
    job, unheard_of = new_job(created_by="ada"), "delete"
    assert not Caller("ada", Role.OPERATOR).may(unheard_of, job)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        require(Caller("ada", Role.OPERATOR), unheard_of, job)  # type: ignore[arg-type]


def test_stewards_decide_on_data_and_whoever_launches_does_not() -> None:
    stewards = {role for role in Role if Caller("ada", role).may_act_as(Role.STEWARD)}
    assert stewards == {Role.STEWARD}, "admins are none by default"
    assert not Caller("ada", Role.STEWARD).may_act_as(Role.OPERATOR)
    assert all(local_caller("ada").may_act_as(role) for role in Role), "where nobody is asked, everybody may"


def test_a_refusal_says_what_is_missing() -> None:
    job = new_job(created_by="ada")
    with pytest.raises(Forbidden, match=r"requires the role operator; ada has the role viewer(.|\n)*tokens create"):
        require(Caller("ada", Role.VIEWER), Action.CANCEL, job)
    with pytest.raises(NotYours, match=r"belongs to ada; eve needs the role admin to cancel it(.|\n)*Ask ada"):
        require(Caller("eve", Role.OPERATOR), Action.CANCEL, job)
    with pytest.raises(Forbidden, match="requires the role admin; ada has the role operator"):
        require_role(Caller("ada", Role.OPERATOR), Role.ADMIN)
