"""What a study is refused for, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.defaults import resolve
from training_pipeline.backends.plan import Plan
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import FieldProblem, GateRefused, InvalidRequest, NotFound
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.study import StudyStatus, TrialStatus
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.studies.trial_life import TrialBackend, stored_study, study_request
from training_pipeline.training_jobs.lifecycle.advising import Advisor
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.tuning import records
from training_pipeline.tuning.planning import of_base_models

#: Its ends and its middle are multiples of four.
LONG = {"low": 4, "high": 996, "step": 2}


def made(services: Services, **values: Any) -> Any:
    return services.studies.create(study_request(**values), created_by="ada")


def problems(services: Services, **values: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        made(services, **values)
    assert records.find(services.store, "s") is None
    return {problem.pointer: problem.message for problem in caught.value.problems}


def of_the_backend(base_model: str | None, config: TrainingConfig, **_: Any) -> Plan:
    """The plan of a real backend."""
    resolved, found = resolve(config, from_scratch=False, train_pairs=None, precision="fp32")
    if base_model == "unknown":
        raise InvalidRequest("There is no base model unknown.")
    if found:
        raise InvalidRequest("The training job cannot be created.", problems=found)
    return Plan(base_model="builtin:tiny", config=resolved)


def test_a_name_under_which_the_winner_could_not_be_registered_is_refused(services: Services) -> None:
    job = {"training_sheet_id": "small", "model_name": "triage", "uc_schema": "ml/prod", "register_to_uc": False}
    assert problems(services, job=job, space={}).keys() == {"/job/uc_schema", "/space"}


def test_everything_that_is_wrong_is_told_at_once(
    services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "plan", of_the_backend)
    config = {"gradient_accumulation_steps": 4, "epochs": 3}
    job = {"training_sheet_id": "small", "model_name": "triage", "training_config": config}
    job["split_predecessor"] = "tj-none"
    space = {"epochs": {"low": 1, "high": 99}, "learning_rate": {"low": 1e-3, "high": 1e-4}}
    found = problems(services, job=job, space=space)
    assert found == {
        "/space/epochs": "is searched and set in training_config; leave one of them out",
        "/space/learning_rate": "low is 0.001, above high, which is 0.0001",
        "/job/split_predecessor": "there is no training job 'tj-none'",
    }
    found = problems(services, job=job | {"split_predecessor": None}, space={"batch_size": {"choices": [4, 6, 8, 12]}})
    said = "with 6: training_config/gradient_accumulation_steps must divide batch_size, but 6 is not a multiple of 4; "
    assert found == {"/space/batch_size": said + "set one of them otherwise"}
    found = problems(services, job=job | {"split_predecessor": None}, space={"batch_size": LONG})
    assert found == {"/space/batch_size": f"{said}set one of them otherwise; likewise with 10, 14, 18 and 244 more"}
    with pytest.raises(InvalidRequest, match="no base model unknown"):
        made(services, job={"training_sheet_id": "small", "model_name": "triage", "base_model": "unknown"})


def test_what_not_every_base_model_has_says_which_one_has_it() -> None:
    both = FieldProblem("/name", "taken", "there is a study of that name")
    short = FieldProblem("/space/base_model", "does_not_fit", "needs more memory than there is")
    assert of_base_models({"more": [both, short], "less": [both]}) == [
        both,
        FieldProblem("/space/base_model", "does_not_fit", "with more: needs more memory than there is"),
        both,
    ]
    assert of_base_models({None: [short]}) == [short]


def test_a_study_on_what_may_not_be_trained_on_is_refused(services: Services) -> None:
    with pytest.raises(NotFound):
        made(services, job={"training_sheet_id": "nobody", "model_name": "triage"})
    write_sheet(services.settings.sheets, "few", rows(5))
    with pytest.raises(GateRefused):
        made(services, job={"training_sheet_id": "few", "model_name": "triage"})
    assert services.studies.page(limit=9) == ([], 0)


def test_a_budget_that_buys_nothing_or_that_nobody_can_count(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(services, cost=5.0).keys() == {"/cost"}
    time = Estimated(middle=7200.0, low=5400.0, high=9000.0)
    estimate = Estimate(time=time, cost=Estimated(middle=20.0, low=15.0, high=25.0), currency="EUR")
    monkeypatch.setattr(Estimator, "estimate", lambda *_: estimate)
    assert problems(services, cost=5.0, hours=1.0) == {
        "/cost": "buys not one trial, which is estimated to cost 20.00 EUR",
        "/hours": "buys not one trial, which is estimated to take 1.5 hours at least",
    }
    assert problems(services, cost=19.0).keys() == {"/cost"}, "a trial counts 20, and would never be started"
    made(services, name="one", cost=20.0)
    services.advance_studies.advance("one")
    assert len(records.trials_of(services.store, "one")) == 1
    stored_study(services, cost=41.0)
    services.advance_studies.advance("s")
    (trial,) = records.trials_of(services.store, "s")
    assert (trial.estimated_cost, trial.estimated_seconds) == (20.0, 7200.0)
    stored_study(services, name="t", cost=41.0)
    first = {"estimate": estimate.model_copy(update={"currency": "USD"}).model_dump(mode="json")}
    records.change(services.store, "t", first, status=StudyStatus.RUNNING)
    services.advance_studies.advance("t")
    (other,) = records.trials_of(services.store, "t")
    assert (other.estimated_cost, other.estimated_seconds) == (None, 7200.0), "the price list has another currency now"
    assert services.studies.page(limit=1)[0][0][1] == [other]


def test_a_dear_configuration_is_not_started_and_another_one_is(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middle of the space is cheap; what a trial costs is told once its own job is to be created."""
    cost = 2.0
    time = Estimated(middle=60.0, low=50.0, high=70.0)

    def estimated(*_: object) -> Estimate:
        return Estimate(time=time, cost=Estimated(middle=cost, low=cost, high=cost), currency="EUR")

    def found() -> list[tuple[TrialStatus, str | None, float | None]]:
        return [(one.status, one.cause, one.estimated_cost) for one in records.trials_of(services.store, "s")]

    monkeypatch.setattr(Estimator, "estimate", estimated)
    made(services, cost=10.0, most_trials=9, most_at_once=2)
    costs = iter([30.0, 2.0, 3.0])
    whole = services.jobs.create

    def create(request: JobRequest, **also: Any) -> TrainingJob:
        nonlocal cost
        cost = next(costs, 30.0)
        return whole(request, **also)

    monkeypatch.setattr(services.jobs, "create", create)
    services.advance_studies.advance("s")
    dear = (TrialStatus.CANCELLED, "too_dear", None)
    assert found() == [dear, (TrialStatus.RUNNING, None, 2.0), (TrialStatus.RUNNING, None, 3.0)]
    first = records.trials_of(services.store, "s")[0]
    assert first.message == "It would cost 30.00 EUR by estimate, and 10.00 are left of the budget of 10."
    # One that was asked for before a death is looked at alike; after three of them the study ends.
    for number in (2, 3):
        trial = records.trials_of(services.store, "s")[number - 1]
        over = {"status": TrialStatus.SUCCEEDED, "value": 1.0}
        records.change_trial(services.store, trial, over, where={"number": number})
    assert records.add_trial(services.store, "s", 4, {"learning_rate": 1e-3, "lora_rank": 8})
    services.advance_studies.advance("s")
    assert found()[3:] == [dear, dear]
    study = services.studies.get("s")
    assert study.why == "its budget of 10 did not allow 3 configurations, by estimate"


@pytest.mark.parametrize(("gigabytes", "refused"), [(64, False), (16, True)])
def test_a_base_model_for_which_there_is_no_memory_is_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch, gigabytes: int, refused: bool
) -> None:
    """2.8 billion weights trained in full take 16 bytes each, 44.8 GB, and with LoRA 4.8; and activations."""
    model = ModelFacts(parameters=2_800_000_000, hidden_size=2048, layers=28, memory_bytes=gigabytes * 10**9)
    monkeypatch.setattr(Advisor, "described", lambda *_: model)
    job = {"training_sheet_id": "small", "model_name": "triage", "training_config": {"method": "full"}}
    space = {"learning_rate": {"low": 1e-5, "high": 1e-3}}
    if not refused:
        assert made(services, job=job, space=space).status is StudyStatus.RUNNING
        return
    (said,) = problems(services, job=job, space=space).items()
    assert said[0] == "/job/base_model"
    assert "GB of memory and there are 16.0 GB" in said[1]
    job["training_config"] = {"max_length": 16}
    (said,) = problems(services, job=job, space=space | {"method": {"choices": ["full", "lora"]}}).items()
    assert said[0] == "/space/method"
    assert said[1].startswith("full does not fit: It needs about 4")
