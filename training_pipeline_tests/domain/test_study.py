from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.study import (
    NAME,
    Study,
    StudyBaseModel,
    StudyRequest,
    StudyStatus,
    Trial,
    TrialStatus,
    best_of,
    common_failure,
    leaders,
    one_more,
    spent,
    trial_request,
    winning_request,
)
from training_pipeline.testing.studies.trial_life import study_request


def trial(number: int, status: TrialStatus = TrialStatus.SUCCEEDED, **values: Any) -> Trial:
    return Trial(study="s", number=number, params={}, status=status, asked_at=datetime.now(UTC), **values)


def running_study(**values: Any) -> Study:
    return Study(
        name="s",
        request=study_request(**values),
        status=StudyStatus.RUNNING,
        created_by="ada",
        created_at=datetime.now(UTC),
        split_predecessor="tj-1",
        estimate=Estimate(time=Estimated(), cost=Estimated()),
    )


def test_the_best_is_the_first_with_the_lowest_loss() -> None:
    found = [trial(1, value=2.0), trial(2, value=1.0), trial(3, value=1.0), trial(4, TrialStatus.PRUNED)]
    best = best_of(found)
    assert best is not None
    assert best.number == 2
    assert best_of(found[3:]) is None


def test_who_led_and_since_when() -> None:
    now = datetime.now(UTC)
    ends = [(1, 3, 2.0), (2, 1, 3.0), (3, 2, 3.0), (4, 4, 1.0), (5, 5, 1.5)]  # number, when, what it came to
    found = [trial(number, value=value, ended_at=now + timedelta(minutes=at)) for number, at, value in ends]
    others = [trial(6, TrialStatus.FAILED, ended_at=now), trial(7, TrialStatus.RUNNING)]
    assert [each.number for each in leaders([*others, *found])] == [2, 1, 4]
    assert [each.number for each in leaders(found, sign=-1)] == [2]
    assert [each.number for each in leaders(found[:1] + found[3:], sign=-1)] == [1]
    assert leaders(others) == []


def test_three_failures_of_one_cause() -> None:
    failed = [trial(number, TrialStatus.FAILED, cause=cause) for number, cause in enumerate("abacbab", start=1)]
    last = common_failure(failed)
    assert last is not None
    assert (last.number, last.cause) == (6, "a")
    assert common_failure(failed[:5]) is None


def test_what_is_spent() -> None:
    asked = running_study()
    known = [trial(1, job_id="a", estimated_cost=1.5), trial(2), trial(3, job_id="c", estimated_cost=2.5)]
    assert spent(asked, known) == 4.0, "one without a job cost nothing"
    assert one_more(asked, known) == 2.0
    broken = trial(4, job_id="d")
    assert spent(asked, [*known, broken]) == 6.0, "a price list that broke meanwhile makes no trial free"
    cost = asked.estimate.cost.model_copy(update={"middle": 3.0})
    first = asked.model_copy(update={"estimate": asked.estimate.model_copy(update={"cost": cost})})
    assert (spent(first, [broken]), spent(asked, [broken])) == (3.0, 0.0)


def test_the_jobs_of_a_trial_and_of_a_winner() -> None:
    job = {"training_sheet_id": "small", "model_name": "triage", "training_config": {"seed": 7, "epochs": "auto"}}
    study = running_study(job=job)
    tried = trial_request(study, {"epochs": 3, "learning_rate": 0.001}, 2)
    assert (tried.model_name, tried.register_to_uc, tried.split_predecessor) == ("s-t2", False, "tj-1")
    stated = tried.training_config.model_dump(exclude_unset=True)
    assert stated == {"seed": 7, "epochs": 3, "learning_rate": 0.001}
    won = winning_request(study, trial(2, job_id="tj-2"))
    assert (won.model_name, won.register_to_uc, won.split_predecessor) == ("triage", True, "tj-2")


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ({"most_trials": 10_000}, ("most_trials",)),
        ({"most_trials": 0}, ("most_trials",)),
        ({"hours": 0}, ("hours",)),
        ({"cost": 0.0}, ("cost",)),
        ({"cost": float("inf")}, ("cost",)),
        ({"name": "A"}, ("name",)),
        ({"space": {"max_length": {"choices": [64, 128]}}}, ("space", "max_length")),
        ({"space": {"epochs": {"low": "1", "high": 3}}}, ("space", "epochs", "low")),
        ({"space": {"learning_rate": {"low": float("nan"), "high": 1.0}}}, ("space", "learning_rate", "low")),
        ({"objective": "accuracy"}, ("objective",)),
    ],
)
def test_what_no_study_can_be(values: dict[str, Any], at: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        study_request(**values)
    assert at in {error["loc"] for error in caught.value.errors()}


def test_a_trial_can_be_called_after_every_study() -> None:
    request = study_request(name="s" * 56)
    study = Study(
        name=request.name,
        request=request,
        status=StudyStatus.RUNNING,
        created_by="ada",
        created_at=datetime.now(UTC),
        estimate=Estimate(time=Estimated(), cost=Estimated()),
    )
    job = trial_request(study, {}, 500)
    assert type(job).model_validate(job.model_dump()).model_name == f"{'s' * 56}-t500"
    assert NAME.endswith("{0,55}$")


def test_what_is_stored_reads_back_alike() -> None:
    request = study_request(hours=1, space={"weight_decay": {"choices": [0, 0.5]}})
    assert StudyRequest.model_validate_json(request.model_dump_json()) == request


def costing(middle: float) -> Estimate:
    return Estimate(time=Estimated(), cost=Estimated(middle=middle))


def on(base_model: str, number: int, cost: float | None) -> Trial:
    made = trial(number, estimated_cost=cost, job_id=f"tj-{number}")
    return made.model_copy(update={"params": {"base_model": base_model}})


def test_a_trial_more_costs_as_much_as_one_on_the_dearest_base_model() -> None:
    models = [
        StudyBaseModel(asked=asked, model=BaseModelRecord(reference=f"/m/{asked}"), estimate=costing(cost))
        for asked, cost in (("a", 1.0), ("b", 9.0))
    ]
    study = running_study(space={"base_model": {"choices": ["a", "b"]}})
    study = study.model_copy(update={"base_models": tuple(models)})
    assert one_more(study, []) == 9.0
    trials = [on("a", 1, 2.0), on("a", 2, None), on("b", 3, 5.0)]
    assert one_more(study, trials) == 5.0
    assert spent(study, trials) == 2.0 + 2.0 + 5.0
    assert trial_request(study, {"base_model": "b"}, 4).base_model == "/m/b"
    assert winning_request(study, trials[0]).base_model == "/m/a"


def test_the_default_base_model_of_a_study_stays_what_it_was() -> None:
    model = StudyBaseModel(asked=None, model=BaseModelRecord(reference="/m/a"), estimate=costing(1.0))
    study = running_study().model_copy(update={"base_models": (model,)})
    assert trial_request(study, {"lora_rank": 4}, 1).base_model == "/m/a"
    assert trial_request(running_study(), {"lora_rank": 4}, 1).base_model is None
