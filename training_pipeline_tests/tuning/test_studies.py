"""A name is one study; and what becomes of its winner."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.study import StudyStatus
from training_pipeline.retraining.sheet_models import models_of_sheets
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.studies.trial_life import (
    TrialBackend,
    begin,
    end,
    over,
    running,
    stored_study,
    study_request,
)
from training_pipeline.tuning.mattered import Importances


def made(services: Services, **values: Any) -> Any:
    return services.studies.create(study_request(**values), created_by="ada")


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
    assert set(models_of_sheets(services.store)["small"].latest) == {"triage"}


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
