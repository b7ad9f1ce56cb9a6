"""What a study is refused for whose suite, or metric, cannot say how good a trial is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.subsets import Half, half_of
from training_pipeline.models.evaluation.suite import rows_of
from training_pipeline.settings import Settings
from training_pipeline.testing.models.evaluated import SUITE, make_suite, unseen
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.studies.scored_trials import ScoringBackend
from training_pipeline.testing.studies.trial_life import TrialBackend, study_request
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.tuning.objective import Objectives, sign_of


@pytest.fixture
def services(settings: Settings, database: Database, tmp_path: Path) -> Iterator[Services]:
    with scripted_services(settings, database, ScoringBackend(tmp_path)) as parts:
        yield parts


def problems(services: Services, **values: Any) -> dict[str, str]:
    found = Objectives(services.suites, services.source, services.policy, services.backend)
    return {each.pointer: each.message for each in found.problems_of(study_request(**values))}


def test_what_is_named_must_be_there(services: Services) -> None:
    assert problems(services) == {}
    assert problems(services, objective="suite", metric="rouge_l") == {
        "/metric": "says nothing without a suite",
        "/suite": "names the suite that chooses; it must be there",
    }
    found = problems(services, objective="suite", suite="nobody", metric="answer_tokens")
    assert found["/metric"].startswith("is not a metric to compare by; use exact_match, ")
    assert found["/suite"] == "There is no suite 'nobody'. Make one: `training-pipeline suites create`."
    elsewhere = Objectives(services.suites, services.source, services.policy, TrialBackend())
    (problem,) = elsewhere.problems_of(study_request(objective="suite", suite=SUITE))
    assert problem.message == "cannot be used: the backend scripted does not evaluate models"
    with pytest.raises(InvalidRequest) as caught:
        services.studies.create(study_request(suite="nobody"), created_by="ada")
    assert [each.pointer for each in caught.value.problems] == ["/suite"]
    job = {"training_sheet_id": "small", "model_name": "triage", "split_predecessor": "nobody"}
    with pytest.raises(InvalidRequest) as caught:
        services.studies.create(study_request(suite="nobody", job=job), created_by="ada")
    assert [each.pointer for each in caught.value.problems] == ["/job/split_predecessor", "/suite"]


def test_pairs_on_one_item_are_in_one_half(services: Services) -> None:
    """Also those of another training sheet that was made from the same source sheet."""
    for sheet in ("held-out", "held-out-2"):
        pairs = [{**pair, "item_ref": f"parcel-{number % 20}"} for number, pair in enumerate(unseen(40))]
        write_sheet(services.settings.sheets, sheet, pairs[::2] if sheet == "held-out" else pairs[1::2])
    services.suites.create(SUITE, ["held-out", "held-out-2"], created_by="ada")
    suite = services.suites.get(SUITE).suite
    items = [set(rows_of(suite.model_copy(update={"half": half}))["item_ref"].to_pylist()) for half in Half]
    assert len(items[0]) > 3
    assert len(items[1]) > 3
    assert not items[0] & items[1]
    assert sum(len(rows_of(suite.model_copy(update={"half": half}))) for half in Half) == 40


def test_a_suite_with_nothing_left_to_ask_is_refused(services: Services) -> None:
    make_suite(services, 12)
    assert problems(services, objective="suite", suite=SUITE) == {}
    sheets = services.settings.sheets
    write_sheet(sheets, "held-out", [{**pair, "prohibited_uses": ["evaluation"]} for pair in unseen(12)])
    counts = {half: sum(half_of("invoices", pair["item_ref"]) is half for pair in unseen(12)) for half in Half}
    found = Objectives(services.suites, services.source, services.policy, services.backend).problems_of(
        study_request(objective="suite", suite=SUITE)
    )
    assert [each.message for each in found] == [
        f"has {words} with no pair that may be asked: {counts[half]} evaluation_prohibited; make a suite of other pairs"
        for half, words in ((Half.CHOOSING, "the half that chooses"), (Half.HELD_BACK, "the half that is held back"))
    ]
    write_sheet(sheets, "seen", [*rows(3, allowed_uses=["evaluation"]), *unseen(1, item_ref="wet")])
    services.suites.create("seen", ["seen"], created_by="ada")
    assert problems(services, suite="seen") == {}  # one pair is new
    said = "no pair that may be asked: 3 same_example"
    assert said in problems(services, objective="suite", suite="seen")["/suite"]


@given(st.sampled_from(sorted(METRICS)))
def test_less_is_better_of_what_is_compared(metric: str) -> None:
    request = study_request(objective="suite", suite=SUITE, metric=metric)
    assert sign_of(request) == (1 if METRICS[metric].better in {"lower"} else -1)
    assert sign_of(study_request(metric=metric)) == 1
