"""A training sheet that names a suite has each of its models evaluated, once, whoever dies in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.local import evaluation as program
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.judge import JudgeEndpoint
from training_pipeline.domain.refs import required
from training_pipeline.domain.usage import DataClassification
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.automatic import ACTOR, AutomaticEvaluations
from training_pipeline.models.evaluation.judges import Judges
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.models.evaluated import SUITE, make_suite, over
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline.testing.trainers.stand_in_evaluation import stand_in_evaluation


@pytest.fixture
def services(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """An installation with version 2 of the model `triage`, whose folder is here."""
    monkeypatch.setattr(program, "PROGRAM", stand_in_evaluation(right={"tuned": 0.9, "base": 0.1}))
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path, str(tmp_path)))
    with stand_in_services(settings, database) as parts:
        write_sheet(settings.sheets, "small", rows(40))
        yield parts


def names_suite(services: Services, suite: str, judge: str = "") -> None:
    """Have the sheet of every job so far name this suite and this judge."""
    with services.store.begin() as connection:
        change = "UPDATE training_jobs SET sheet = jsonb_set(sheet, '{sheet}', (sheet -> 'sheet') || CAST(:n AS jsonb))"
        connection.execute(text(change), {"n": json.dumps({"evaluate_on": suite, "evaluate_judge": judge})})


def found(services: Services) -> list[Evaluation]:
    return records.of_version(services.store, "triage", "2")


def test_each_version_is_evaluated_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    due = services.automatic_evaluations.start_due
    succeeded(services)
    assert due() == 0  # its sheet names none
    make_suite(services)
    names_suite(services, SUITE)

    def away(*_: object, **__: object) -> Evaluation:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(services.evaluations, "start", away)
        assert (due(), found(services)) == (0, [])  # it is due still
    assert [due(), due()] == [1, 0]
    again = AutomaticEvaluations(services.store, services.evaluations)
    (made,) = found(services)
    done = over(services, made)
    assert (done.status, done.created_by, again.start_due()) == (EvaluationStatus.SUCCEEDED, ACTOR, 0)


def test_what_cannot_be_evaluated_is_on_record_once(services: Services) -> None:
    succeeded(services)
    names_suite(services, "nowhere")
    assert [services.automatic_evaluations.start_due() for _ in range(2)] == [0, 0]
    (made,) = found(services)
    assert (made.status, made.suite_name, made.finished_at is not None) == (EvaluationStatus.FAILED, "nowhere", True)
    assert str(made.error).startswith("There is no suite 'nowhere'. Make one")


def test_what_is_lost_is_on_record_once(services: Services) -> None:
    job = succeeded(services)
    make_suite(services)
    names_suite(services, SUITE)
    required(job.data.dataset, "dataset").train_file.write_bytes(b"{}")
    assert [services.automatic_evaluations.start_due() for _ in range(2)] == [0, 0]
    (made,) = found(services)
    assert made.status is EvaluationStatus.FAILED
    assert "is damaged" in str(made.error)


def test_a_sheet_names_a_judge_as_well(services: Services) -> None:
    succeeded(services)
    make_suite(services)
    names_suite(services, SUITE, "house")
    house = JudgeEndpoint(url="https://models.example.org/v1", model="judge-7b", key_env="JUDGE_KEY")
    judges = Judges({"house": house}, DataClassification.PUBLIC, {"JUDGE_KEY": "sk-secret"})
    services.evaluations._judges = judges
    assert services.automatic_evaluations.start_due() == 1
    (made,) = found(services)
    assert made.judge is not None
    assert (made.judge.order.name, made.judge.max_classification) == ("house", "public")


@pytest.mark.parametrize(
    ("judges", "said"),
    [({}, "There is no judge 'house'."), ({"house": "JUDGE_KEY"}, "needs the key in the environment variable")],
)
def test_without_its_judge_nothing_is_evaluated(services: Services, judges: dict[str, str], said: str) -> None:
    succeeded(services)
    make_suite(services)
    names_suite(services, SUITE, "house")
    known = {name: JudgeEndpoint(url="https://host/v1", model="m", key_env=key) for name, key in judges.items()}
    services.evaluations._judges = Judges(known, DataClassification.PUBLIC, {})
    assert [services.automatic_evaluations.start_due() for _ in range(2)] == [0, 0]
    (made,) = found(services)
    assert (made.status, made.judge, made.suite_name) == (EvaluationStatus.FAILED, None, SUITE)
    assert said in str(made.error)


def test_what_is_evaluated_at_all_is_waited_for(services: Services) -> None:
    succeeded(services)
    make_suite(services)
    services.suites.create("other", ["held-out"], created_by="ada")  # the same pairs: they are asked once at a time
    by_hand = services.evaluations.start("triage", "2", "other", base=False, actor="ada")
    names_suite(services, SUITE, "house")
    assert services.automatic_evaluations.start_due() == 0
    assert [each.id for each in found(services)] == [by_hand.id]
