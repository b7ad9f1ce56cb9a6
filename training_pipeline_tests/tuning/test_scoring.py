"""A study whose trials are chosen by one half of a suite and reported by the other one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.study import Study, StudyBaseModel, StudyStatus, TrialStatus
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import evaluations as running_evaluations
from training_pipeline.models.evaluation import kept
from training_pipeline.models.evaluation import records as evaluations
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.records import Counts
from training_pipeline.models.evaluation.subsets import Half, half_of
from training_pipeline.models.evaluation.suite import Suite, rows_of
from training_pipeline.models.evaluation.tables import model_evaluations
from training_pipeline.schemas.study import StudyPage
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.models.evaluated import SUITE, make_suite, unseen
from training_pipeline.testing.sheets.small_sheet import write_sheet
from training_pipeline.testing.studies.scored_trials import ScoringBackend, trained
from training_pipeline.testing.studies.trial_life import running, stored_study
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.training_jobs.store import lineage
from training_pipeline.tuning import records
from training_pipeline_tests.tuning.test_advance import Killed, advanced, dying, trials


@pytest.fixture
def backend(tmp_path: Path) -> ScoringBackend:
    return ScoringBackend(tmp_path)


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScoringBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        make_suite(parts, 40)
        yield parts


@pytest.fixture
def _unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model has seen a pair of the suite. Asking takes half a second each time; the guard has tests of its own."""

    def examine(_: Any, __: Any, suite: Suite, *___: Any, **____: Any) -> tuple[Any, Any]:
        rows = rows_of(suite)
        facts = {"asked": len(rows), "evaluated": len(rows), "refused": {}, "aged": {}, "reported": {}}
        return Counts.model_validate({**facts, "is_ancestry_known": True}), rows

    for module in (kept, running_evaluations):
        monkeypatch.setattr(module, "examine", examine)
    monkeypatch.setattr(KeptModels, "learned", lambda *_: None)


def made(services: Services, **values: Any) -> Study:
    return stored_study(services, **{"objective": "suite", "suite": SUITE, "most_trials": 2, "seed": 1, **values})


def step(services: Services, backend: ScoringBackend, right: list[float]) -> Study:
    """Train what waits to be trained, the next share of right answers for each; evaluate; go on."""
    for trial in running(services, "s"):
        if trial.job_id not in backend.right:
            trained(services, backend, trial, right=right[trial.number - 1], splits=False)
    services.evaluations.settle_all()
    return advanced(services)


@pytest.mark.usefixtures("_unseen")
def test_one_half_chooses_and_the_other_one_reports(services: Services, backend: ScoringBackend) -> None:
    made(services)
    advanced(services)
    study = step(services, backend, [0.8, 0.2])
    (first,) = trials(services)
    assert first.status is TrialStatus.RUNNING  # until its model is evaluated
    for _ in range(8):
        study = step(services, backend, [0.8, 0.2])
    assert (study.status, study.why) == (StudyStatus.FINISHED, "all 2 trials were made")
    best, other = trials(services)
    halves = {half: [p["pair_id"] for p in unseen(40) if half_of("invoices", p["item_ref"]) is half] for half in Half}
    assert min(map(len, halves.values())) > 10
    assert best.value == pytest.approx(0.8, abs=0.05)
    assert other.value == pytest.approx(0.2, abs=0.05)
    assert {name.removeprefix("ev-"): sorted(asked) for name, asked in backend.asked.items()} == {
        f"{best.job_id}-choosing": halves[Half.CHOOSING],
        f"{other.job_id}-choosing": halves[Half.CHOOSING],
        f"{best.job_id}-held_back": halves[Half.HELD_BACK],
    }
    assert set(backend.evaluated.values()) == {1}
    page = StudyPage.of_details(services.studies.show("s"))
    assert (page.best_trial, page.measure, page.is_higher_better) == (1, "exact_match", True)
    report = page.report
    assert report is not None
    assert (report.trial, report.half, report.pairs) == (1, Half.HELD_BACK, len(halves[Half.HELD_BACK]))
    assert report.value == pytest.approx(0.8, abs=0.05)
    assert report.lower is not None
    assert report.upper is not None
    assert report.lower < 0.8 < report.upper
    job = services.studies.promote("s", actor="ada")
    said = services.store.events(job.id)[0][0].message
    assert "on one half of the suite parcels is selected" in said
    assert f"On the other half, which chose nothing, its exact_match is {report.value:.6g}." in said
    # They are no versions, and nothing about versions tells of them.
    assert evaluations.of_jobs(services.store, [best.job_id or ""]) == []


@pytest.mark.usefixtures("_unseen")
def test_a_suite_may_report_what_the_loss_has_chosen(services: Services, backend: ScoringBackend) -> None:
    made(services, objective="val_loss")
    advanced(services)
    (first,) = running(services, "s")
    trained(services, backend, first, right=0.9, val_loss=2.0, splits=False)
    advanced(services)
    (second,) = running(services, "s")
    trained(services, backend, second, right=0.4, val_loss=1.0, splits=False)
    study = advanced(services)
    assert (study.status, study.message) == (
        StudyStatus.ENDING,
        f"Trial 2, the best one, is evaluated on the suite {SUITE}.",
    )
    services.evaluations.settle_all()
    services.evaluations.settle_all()
    assert advanced(services).status is StudyStatus.FINISHED
    page = StudyPage.of_details(services.studies.show("s"))
    assert (page.best_trial, page.best_value, page.is_higher_better) == (2, 1.0, False)
    assert page.report is not None
    assert (page.report.value, page.report.half, page.report.pairs) == (0.4, None, 40)


@pytest.mark.usefixtures("_unseen")
def test_whoever_advances_it_may_die_at_any_moment(
    services: Services, backend: ScoringBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(services)
    right, deaths = [0.2, 0.8], 0
    for _ in range(20):
        at = 0
        while True:
            try:
                with dying(services, monkeypatch, at):
                    study = advanced(services)
                break
            except Killed:
                deaths, at = deaths + 1, at + 1
        if study.ended_at is not None:
            break
        for trial in running(services, "s"):
            if trial.job_id not in backend.right:
                trained(services, backend, trial, right=right[trial.number - 1], splits=False)
        services.evaluations.settle_all()
    assert study.status is StudyStatus.FINISHED
    assert deaths > 15
    found = trials(services)
    assert [(trial.number, trial.status) for trial in found] == [(1, TrialStatus.SUCCEEDED), (2, TrialStatus.SUCCEEDED)]
    with services.store.begin() as connection:
        rows = connection.execute(model_evaluations.select()).mappings().all()
    assert Counter((row["job_id"], row["half"]) for row in rows) == {
        (found[0].job_id, "choosing"): 1,
        (found[1].job_id, "choosing"): 1,
        (found[1].job_id, "held_back"): 1,
    }
    assert sorted(backend.asked) == sorted(row["id"] for row in rows)


def test_a_suite_that_every_trial_has_seen_ends_it(services: Services, backend: ScoringBackend) -> None:
    seen = [{**pair, "allowed_uses": ["evaluation"]} for pair in _small(services)]
    write_sheet(services.settings.sheets, "seen", seen)
    services.suites.create("seen", ["seen"], created_by="ada")
    made(services, suite="seen")
    advanced(services)
    trained(services, backend, running(services, "s")[0], right=1.0)
    study = advanced(services)
    assert study.status is StudyStatus.FAILED
    assert study.why.startswith("trial 1 was refused (gate_refused): No pair of the suite 'seen' is left to ask: of ")
    assert backend.evaluated == {}


def test_no_trial_is_asked_what_a_base_model_of_the_study_has_seen(services: Services, backend: ScoringBackend) -> None:
    """One base model is a model of ours; trials on the other one are asked no more than those on it."""
    seen = [{**pair, "allowed_uses": ["training", "validation"]} for pair in unseen(12)]
    write_sheet(services.settings.sheets, "earlier", seen)
    ours = services.jobs.create({"training_sheet_id": "earlier", "model_name": "ours"}, created_by="ada")
    prepared(services, ours.id)
    files = {"model.safetensors": "a" * 64}
    lineage.set_model(services.store, ours.id, version=None, files=files)
    study = made(services)
    models = [BaseModelRecord(reference="builtin:tiny"), BaseModelRecord(reference="/models/ours", files=files)]
    both = [StudyBaseModel(asked=each.reference, model=each, estimate=study.estimate) for each in models]
    stored = {"base_models": [each.model_dump(mode="json") for each in both]}
    assert records.change(services.store, "s", stored, status=StudyStatus.RUNNING)
    advanced(services)
    trained(services, backend, running(services, "s")[0], right=1.0)
    for _ in range(3):
        advanced(services)
        services.evaluations.settle_all()
    (asked,) = backend.asked.values()
    left = unseen(40)[12:]
    assert set(asked) == {one["pair_id"] for one in left if half_of("invoices", one["item_ref"]) is Half.CHOOSING}
    assert advanced(services).status is StudyStatus.RUNNING
    assert trials(services)[0].status is TrialStatus.SUCCEEDED


def _small(services: Services) -> list[dict[str, Any]]:
    lines = (services.settings.sheets / "small.jsonl").read_text(encoding="utf-8").splitlines()
    return [pair for line in lines if (pair := json.loads(line))["status"] == "labeled"]


def test_a_suite_that_aged_says_so_of_the_winner(services: Services, backend: ScoringBackend) -> None:
    made(services, most_trials=1)
    advanced(services)
    trained(services, backend, running(services, "s")[0], right=0.5)
    advanced(services)
    services.evaluations.settle_all()
    services.evaluations.settle_all()
    (services.settings.sheets / "held-out.yaml").unlink()
    assert advanced(services).status is StudyStatus.FINISHED
    page = StudyPage.of_details(services.studies.show("s"))
    assert page.report is not None
    assert (page.report.status, page.report.value) == (evaluations.EvaluationStatus.FAILED, None)
    assert "sheet_missing" in page.report.message


@pytest.mark.usefixtures("_unseen")
def test_what_waits_fails_and_is_cancelled(
    services: Services, backend: ScoringBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(services, most_trials=3, most_at_once=2)
    advanced(services)
    first, second = running(services, "s")
    trained(services, backend, first, right=0.5, splits=False)
    with monkeypatch.context() as patch:
        patch.setattr(KeptModels, "start", _raising(Unavailable("The workspace does not answer.")))
        assert advanced(services).message == "The workspace does not answer."
    backend.has_compute = False
    assert advanced(services).message == ""
    assert len(running(services, "s")) == 2  # what is evaluated takes a place
    services.studies.stop("s", actor="ada", reason="enough")
    trained(services, backend, second, right=0.5, splits=False)
    study = _until_ended(services)
    assert (study.status, [trial.status for trial in trials(services)]) == (
        StudyStatus.STOPPED,
        [TrialStatus.CANCELLED] * 2,
    )
    assert backend.cancelled == [f"ev-{first.job_id}-choosing"]
    assert [trial.message for trial in trials(services)] == [
        "Its evaluation was cancelled.",
        "The study ended before it was evaluated.",
    ]


def _until_ended(services: Services) -> Study:
    for _ in range(5):
        study = advanced(services)
        services.evaluations.settle_all()
        if study.ended_at is not None:
            return study
    raise AssertionError("it does not end")


def _raising(error: Exception) -> Any:
    def start(*_: object, **__: object) -> Any:
        raise error

    return start


@pytest.mark.usefixtures("_unseen")
def test_an_evaluation_that_says_nothing_fails_its_trial(services: Services, backend: ScoringBackend) -> None:
    made(services, most_trials=1, metric="rouge_l")
    advanced(services)
    trained(services, backend, running(services, "s")[0], right=0.5, splits=False)
    study = _until_ended(services)
    (trial,) = trials(services)
    assert (study.status, trial.cause) == (StudyStatus.FAILED, "no_score")
    assert trial.message == f"No pair of the suite {SUITE} has a score of rouge_l."


@pytest.mark.usefixtures("_unseen")
def test_a_trial_without_a_score_on_its_hard_pairs_is_not_the_best(services: Services, backend: ScoringBackend) -> None:
    made(services, metric="token_loss")
    advanced(services)
    first = trained(services, backend, running(services, "s")[0], right=0.5, splits=False)
    backend.without_loss[first] = 3
    for _ in range(8):
        study = step(services, backend, [0.5, 0.5])
    assert study.status is StudyStatus.FINISHED
    broken, whole = trials(services)
    assert (broken.status, broken.cause, broken.value) == (TrialStatus.FAILED, "no_score", None)
    assert broken.message.startswith("On 3 of ")
    assert (whole.status, whole.value) == (TrialStatus.SUCCEEDED, 1.0)


@pytest.mark.usefixtures("_unseen")
def test_trials_that_were_asked_other_pairs_are_not_compared(services: Services, backend: ScoringBackend) -> None:
    made(services, most_trials=3)
    for _ in range(4):
        step(services, backend, [0.5, 0.9, 0.9])
        if trials(services)[0].status is TrialStatus.SUCCEEDED:
            break
    pairs = unseen(40)
    aged = next(pair for pair in pairs if half_of("invoices", pair["item_ref"]) is Half.CHOOSING)
    write_sheet(services.settings.sheets, "held-out", [pair for pair in pairs if pair is not aged])
    for _ in range(6):
        study = step(services, backend, [0.5, 0.9, 0.9])
    first, second = trials(services)
    assert (first.status, second.status) == (TrialStatus.SUCCEEDED, TrialStatus.FAILED)
    assert second.cause == "suite_changed"
    assert second.message.startswith(f"It was asked other pairs of the suite {SUITE} than trial 1")
    assert study.status is StudyStatus.FAILED
    assert study.why == f"trial 2 was refused (suite_changed): {second.message}"
