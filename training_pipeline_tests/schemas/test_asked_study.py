from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound
from training_pipeline.domain.study import StudyRequest
from training_pipeline.domain.study_space import problems_of
from training_pipeline.schemas.asked_study import asked_study
from training_pipeline.schemas.study_requests import CreateStudy

JOB: dict[str, Any] = {"training_sheet_id": "small", "model_name": "triage"}
#: What is wrong with the form of a field, what is wrong otherwise, and what that is called.
FORM: dict[str, dict[str, Any]] = {
    "/hours": {"hours": 0},
    "/most_trials": {"most_trials": 10_000},
    "/pruner/startup_trials": {"pruner": {"startup_trials": -1}},
    "/name": {"name": "No Name"},
    "/more": {"more": 1},
    "/job/training_config/epochs": {"job": {**JOB, "training_config": {"epochs": 99}}},
    "/job/training_sheet_id": {"job": {"model_name": "triage"}},
}
OTHERWISE: dict[str, dict[str, Any]] = {
    "/suite": {"objective": "suite", "suite": "nobody"},
    "/space/learning_rate": {"space": {"learning_rate": {"low": 1.0, "high": 0.1}}},
}


def plan(request: StudyRequest) -> None:
    """As the planner, for a service without suites."""
    problems = problems_of(request)
    if request.suite is not None:
        problems.append(FieldProblem("/suite", "unknown", "there is none"))
    if problems:
        raise InvalidRequest("no", problems=problems)


def told(body: dict[str, Any], **also: Any) -> set[str]:
    with pytest.raises(InvalidRequest) as caught:
        asked_study(body, plan, CreateStudy, **also)
    return {problem.pointer for problem in caught.value.problems}


@given(form=st.sets(st.sampled_from(sorted(FORM)), min_size=1), otherwise=st.sets(st.sampled_from(sorted(OTHERWISE))))
def test_a_field_of_the_wrong_form_hides_nothing_else(form: set[str], otherwise: set[str]) -> None:
    body: dict[str, Any] = {"name": "s", "job": JOB, "space": {"epochs": {"low": 1, "high": 50}}}
    both = {"/job/training_config/epochs", "/job/training_sheet_id"} <= form
    for pointer in sorted(form | otherwise):
        body |= (FORM | OTHERWISE)[pointer]
    assert told(body) == (form | otherwise) - ({"/job/training_config/epochs"} if both else set())


def test_what_follows_from_a_field_that_was_left_out_is_not_told() -> None:
    body: dict[str, Any] = {"name": "s", "job": JOB, "space": {"learning_rate": {"low": "1", "high": 0.1}}}
    assert told(body) == {"/space/learning_rate/low"}
    assert told({**body, "space": {**body["space"], "epochs": {"choices": [1, 2]}}}) == {"/space/learning_rate/low"}
    assert told({"space": []}) == {"/name", "/job", "/space"}


def test_what_is_told_by_others_hides_nothing() -> None:
    body = {"name": "s", "job": JOB, "space": {}}
    said = FieldProblem("/space/epochs", "no_search", "is none")
    assert told(body, also=[said]) == {"/space/epochs"}
    assert told(body | {"hours": 0} | OTHERWISE["/suite"], also=[said]) == {"/space/epochs", "/hours", "/suite"}


def test_what_is_sound_is_not_planned_here_and_what_cannot_be_planned_is_not_hidden_by_it() -> None:
    def none(_: StudyRequest) -> None:
        raise NotFound("no sheet")

    body = {"name": "s", "job": JOB, "space": OTHERWISE["/space/learning_rate"]["space"]}
    assert asked_study(body, none, CreateStudy) == asked_study(CreateStudy.model_validate(body), none, CreateStudy)
    with pytest.raises(InvalidRequest) as caught:
        asked_study({**body, "hours": 0}, none, CreateStudy)
    assert [problem.pointer for problem in caught.value.problems] == ["/hours"]
