"""What a study is refused for, all at once; and what becomes of its winner."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.defaults import resolve
from training_pipeline.backends.plan import Plan
from training_pipeline.domain.errors import Conflict, GateRefused, InvalidRequest, NotFound
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.study import StudyStatus
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.retraining.retrain import _jobs
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.studies.trial_life import (
    TrialBackend,
    begin,
    end,
    over,
    running,
    stored_study,
    study_request,
)
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.tuning import records
from training_pipeline.tuning.mattered import Importances


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
    said = "with 6: training_config/gradient_accumulation_steps must divide batch_size, but 6 is no multiple of 4; "
    assert found == {"/space/batch_size": said + "set one of them otherwise"}
    with pytest.raises(InvalidRequest, match="no base model unknown"):
        made(services, job={"training_sheet_id": "small", "model_name": "triage", "base_model": "unknown"})


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
        "/cost": "buys not one trial, which is estimated to cost 15.00 EUR at least",
        "/hours": "buys not one trial, which is estimated to take 1.5 hours at least",
    }
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


def test_a_name_is_a_study(services: Services) -> None:
    first = stored_study(services)
    assert made(services) == first
    with pytest.raises(Conflict, match="taken by another study, of ada"):
        made(services, most_trials=5)
    with pytest.raises(NotFound, match="no study 't'"):
        services.studies.stop("t", actor="ada", reason="r")
    stored_study(services, name="t")
    assert [study.name for study, _ in services.studies.page(limit=9)[0]] == ["t", "s"]


def test_the_winner_is_trained_as_an_ordinary_job(services: Services, backend: TrialBackend) -> None:
    study = made(services, most_trials=2)
    assert (study.status, study.split_predecessor, study.created_by) == (StudyStatus.RUNNING, None, "ada")
    services.advance_studies.advance("s")
    (first,) = running(services, "s")
    digest = prepared(services, first.job_id or "").data.dataset_digest or ""
    begin(services, backend, first.job_id or "", digest=digest)
    end(services, first.job_id or "", val_loss=1.0)
    services.advance_studies.advance("s")
    with pytest.raises(Conflict, match="has not ended"):
        services.studies.promote("s", actor="ada")
    with pytest.raises(Conflict, match=r"Trial 2 .* is running"):
        services.studies.promote("s", number=2, actor="ada")
    with pytest.raises(NotFound):
        services.studies.promote("s", number=9, actor="ada")
    early = services.studies.promote("s", number=1, actor="ada")
    (second,) = running(services, "s")
    begin(services, backend, second.job_id or "", digest=digest)
    end(services, second.job_id or "", val_loss=2.0)
    study = services.advance_studies.advance("s")
    assert study.status is StudyStatus.FINISHED
    winner = services.studies.promote("s", actor="ada")
    assert winner.id == early.id
    assert (winner.request.model_name, winner.request.register_to_uc) == ("triage", True)
    assert winner.request.requested_config == first.params
    said = services.store.events(winner.id)[0][0].message
    assert said.startswith("Configuration of trial 1 of the study s. Its validation loss of 1 is selected: ")
    # It is trained on what the trials were trained on.
    assert prepared(services, winner.id).data.dataset_digest == study.dataset_digest == digest
    services.jobs.cancel(winner.id, actor="ada", reason="again")
    assert services.studies.promote("s", actor="ada").id != winner.id
    # No trial stands for a model in use.
    assert set(_jobs(services.store)["small"].latest) == {"triage"}


def test_what_is_on_record_has_no_text(services: Services, backend: TrialBackend) -> None:
    stored_study(services, most_trials=2)
    over(services, backend, "s", lambda _: [2.0, 1.0])
    with services.store.begin() as connection:
        stored = "".join(
            connection.execute(
                text("SELECT CAST(s AS text) FROM studies AS s UNION ALL SELECT CAST(t AS text) FROM study_trials AS t")
            ).scalars()
        )
    assert "queue" not in stored
    assert "invoice" not in stored
    found = services.studies.show("s")
    reason = "It can be told once 8 trials have succeeded; 2 have so far."
    assert found.importances == Importances(reason=reason)
