"""An alias moved through the gate: two versions of real jobs, their scores by a program that says how right each is."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.local import evaluation as program
from training_pipeline.domain.errors import Conflict, InvalidRequest, Tainted, Unavailable
from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.promotion.records import Promotion, PromotionKind
from training_pipeline.testing.dagster_runs import create, finish, launch
from training_pipeline.testing.evaluated import SUITE, make_suite, over
from training_pipeline.testing.stand_in_evaluation import stand_in_evaluation
from training_pipeline.tracking.mlflow import Tracking

GATE = {"margins": {"exact_match": 0.05}}


@pytest.fixture
def promotions(services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Promotions:
    """Those of the model `triage`, which has two versions."""
    for _ in range(2):
        made = create(services)
        assert launch(services, definitions, instance, made).success
        assert finish(services, definitions, instance, made).success
    make_suite(services)
    return services.promotions


def evaluate(services: Services, version: str, right: float, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> None:
    shares = {"tuned": right, "base": 0.0, "champion": 0.6}
    monkeypatch.setattr(program, "PROGRAM", stand_in_evaluation(right=shares))
    over(services, services.evaluations.start("triage", version, SUITE, actor="ada", base=False, **asked))


def promote(promotions: Promotions, version: str, **asked: Any) -> Promotion:
    return promotions.promote("triage", version, "champion", actor="ada", **asked)


def champion(services: Services) -> str | None:
    return services.tracking.aliases("triage").get("champion")


def test_an_alias_goes_to_the_better_model_and_back(
    services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequest, match="no gate for champion of triage yet"):
        promote(promotions, "1")
    unknown = promote(promotions, "1", gate=GATE)
    assert (unknown.decision and unknown.decision.verdict, champion(services)) == (Verdict.NOT_ENOUGH_EVIDENCE, None)
    evaluate(services, "1", 0.6, monkeypatch)
    first = promote(promotions, "1")  # by the gate of before
    assert first.decision is not None
    assert first.decision.verdict is Verdict.SHIP, first.decision
    assert (first.moved_at is not None, champion(services)) == (True, "1")
    with pytest.raises(Conflict, match="is version 1 already"):
        promote(promotions, "1")
    evaluate(services, "2", 0.2, monkeypatch)  # beside version 1, which is right in 6 of 10
    worse = promote(promotions, "2")
    assert worse.decision is not None
    assert (worse.decision.verdict, worse.moved_at, champion(services)) == (Verdict.DO_NOT_SHIP, None, "1")
    evaluate(services, "2", 1.0, monkeypatch)
    with pytest.raises(Conflict, match="moved by somebody else: it is version 1 now"):
        promote(promotions, "2", held="2")
    better = promote(promotions, "2", held="1")
    assert better.decision is not None
    assert (better.decision.verdict, champion(services)) == (Verdict.SHIP, "2")
    back = promotions.roll_back("triage", "champion", reason="too slow", actor="eve")
    assert (back.kind, back.reason, champion(services)) == (PromotionKind.ROLL_BACK, "too slow", "1")
    off = promotions.roll_back("triage", "champion", reason="that, too", actor="eve")
    assert (off.model_version, champion(services)) == (None, None)
    with pytest.raises(Conflict, match="nothing to roll back"):
        promotions.roll_back("triage", "champion", reason="again", actor="eve")
    found = promotions.of_model("triage")
    assert [each.model_version for each in found] == [None, "1", "2", "2", "1", "1"]
    assert [each.moved_at is not None for each in found] == [True, True, True, False, True, False]


def test_nothing_is_half_promoted(services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    evaluate(services, "1", 0.9, monkeypatch)

    def broken(*_: Any) -> Any:
        raise RuntimeError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "set_alias", broken)
        with pytest.raises(Unavailable, match="did not move champion of triage"):
            promote(promotions, "1", gate=GATE)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "aliases", broken)
        with pytest.raises(Unavailable, match="could not be asked for the alias"):
            promote(promotions, "1")
    assert champion(services) is None
    # A process that dies right after the registry moved the alias: whoever looks next notes it.
    tracking.set_alias("triage", "champion", "1")
    with pytest.raises(Conflict, match="already"):
        promote(promotions, "1")
    assert promotions.of_model("triage")[0].moved_at is not None
    tracking.set_alias("triage", "champion", "2")
    with pytest.raises(Conflict, match="moved by somebody else: it is version 2 now"):
        promotions.roll_back("triage", "champion", reason="r", actor="eve")
    tainted = Standing(state=VersionState.TAINTED, reasons=())
    monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, tainted))
    with pytest.raises(Tainted) as refused:
        promote(promotions, "1")
    assert refused.value.code == "tainted"
    with pytest.raises(InvalidRequest, match="alias is invalid"):
        promotions.promote("triage", "1", "latest", gate=GATE, actor="ada")


def test_figures_of_other_files_or_of_long_ago_move_nothing(
    services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(services, "1", 0.9, monkeypatch)
    for change, said in (
        ("finished_at = finished_at - interval '91 days'", "too old"),
        ("model_digest = 'x'", "files"),
    ):
        with services.store.begin() as connection:
            connection.execute(text(f"UPDATE model_evaluations SET {change}"))
        made = promote(promotions, "1", gate=GATE)
        assert made.decision is not None
        assert made.decision.verdict is Verdict.NOT_ENOUGH_EVIDENCE
        assert said in made.decision.findings[0].reason
    assert champion(services) is None
