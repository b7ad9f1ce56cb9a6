from __future__ import annotations

import math

from training_pipeline.app.container import Services
from training_pipeline.backends.metric_point import NOT_FINITE
from training_pipeline.schemas.study import StudyPage
from training_pipeline.testing.jobs.jobs import point
from training_pipeline.testing.studies.trial_life import TrialBackend, begin, running, stored_study
from training_pipeline.training_jobs.store import metrics
from training_pipeline.tuning import records


def test_an_evaluation_whose_loss_was_no_number_keeps_its_place(services: Services, backend: TrialBackend) -> None:
    stored_study(services)
    services.advance_studies.advance("s")
    (trial,) = running(services, "s")
    job_id = begin(services, backend, trial.job_id or "").id
    losses = [("val_loss", 9.0), ("val_loss", 3.0), ("val_loss" + NOT_FINITE, 1.0), ("val_loss", 1.0)]
    points = [point(name, 10 * at, value) for at, (name, value) in enumerate(losses)]
    points += [point("val_accuracy", 10 * at, 0.5) for at in range(len(losses))] + [point("train_loss", 25, 2.0)]
    with services.store.begin() as connection:
        metrics.write_points(connection, {job_id: points})
    (curve,) = records.curves(services.store, records.trials_of(services.store, "s")).values()
    assert (curve[0], curve[2], len(curve)) == (3.0, 1.0, 3)
    assert math.isnan(curve[1])
    shown = StudyPage.model_validate_json(StudyPage.of_details(services.studies.show("s")).model_dump_json())
    assert (shown.all_trials[0].curve, shown.all_trials[0].lowest_loss) == ([3.0, None, 1.0], 1.0)
