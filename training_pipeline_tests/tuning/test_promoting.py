from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import InvalidRequest, Unavailable
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.study import StudyStatus
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.testing.studies.trial_life import TrialBackend, begin, end, over, running, stored_study
from training_pipeline.tuning import records


def test_the_winner_is_promoted_by_itself_where_that_was_asked_for(
    services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, promote in (("asked", True), ("not", False)):
        stored_study(services, name=name, most_trials=1, promote=promote)
        assert over(services, backend, name, lambda _: [1.0]).why == "all 1 trials were made"
    (asked,), (other,) = (records.trials_of(services.store, name) for name in ("asked", "not"))
    job = services.store.get(asked.promoted_job_id or "")
    assert (job.request.model_name, job.request.register_to_uc, job.created_by) == ("triage", True, "ada")
    assert services.studies.promote("asked", actor="bob").id == job.id
    assert other.promoted_job_id is None

    # It waits for what passes, and says what does not.
    stored_study(services, name="s", most_trials=1, promote=True)
    services.advance_studies.advance("s")
    (trial,) = running(services, "s")
    begin(services, backend, trial.job_id or "")
    end(services, trial.job_id or "", val_loss=1.0)
    said: Exception = Unavailable("The Hub does not answer.")

    def create(request: JobRequest, **_: Any) -> TrainingJob:
        raise said

    monkeypatch.setattr(services.jobs, "create", create)
    study = services.advance_studies.advance("s")
    assert (study.status, study.message) == (StudyStatus.ENDING, "The Hub does not answer.")
    said = InvalidRequest("The base model may not be used.")
    study = services.advance_studies.advance("s")
    assert (study.status, study.message) == (StudyStatus.FINISHED, "")
    assert study.why.startswith("all 1 trials were made; trial 1 was not promoted (invalid_request): The base model")


def test_a_study_that_was_stopped_promotes_nothing(services: Services, backend: TrialBackend) -> None:
    stored_study(services, promote=True)
    services.advance_studies.advance("s")
    (trial,) = running(services, "s")
    begin(services, backend, trial.job_id or "")
    end(services, trial.job_id or "", val_loss=1.0)
    services.studies.stop("s", actor="ada", reason="enough")
    assert services.advance_studies.advance("s").status is StudyStatus.STOPPED
    assert [each.promoted_job_id for each in records.trials_of(services.store, "s")] == [None]
