"""An alias moved through the gate, by scores on record; and what keeps it where it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound, Tainted, Unavailable
from training_pipeline.domain.model_version import Check, Outcome, Standing, VersionState
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import StoredScores, digest_of
from training_pipeline.models.promotion.evidence import Evidence
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.promotion.records import Promotion, PromotionKind
from training_pipeline.models.promotion.requirements import parse_gate
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.evaluated import SUITE, make_suite, stored_evaluation
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.store import lineage

FILES = {"model.safetensors": "0" * 64}
GATE = {"margins": {"exact_match": 0.05}}


@pytest.fixture
def services(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """An installation whose model `triage` has two versions, both of them clean."""
    clean = (Check(name="rows", outcome=Outcome.PASS, message="All of them."),)
    monkeypatch.setattr(ModelVersions, "verify", lambda *_: clean)
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        client = parts.tracking.client  # type: ignore[attr-defined]
        client.create_registered_model("triage")
        first, _ = succeeded(parts), succeeded(parts)
        lineage.set_model(parts.store, first.id, version="1", files=FILES)
        for _ in range(2):
            client.create_model_version("triage", "file:///nowhere")
        yield parts


@pytest.fixture
def promotions(services: Services) -> Promotions:
    return services.promotions


def evaluate(
    services: Services,
    version: str,
    right: int,
    root: Path,
    *,
    suite: str = SUITE,
    base: int | None = 0,
    choices: int | None = None,
) -> None:
    """Put on record that a version answers so many of 60 questions of a suite, and its base model so many. With
    `choices`, it chose rightly on all of so many questions, and was asked no others.
    """
    job_id = services.versions.subject("triage", version).job.id
    evaluation = stored_evaluation(job_id)
    stored = {}
    for role, count in {"tuned": right, "base": base}.items():
        if count is not None:
            path = root / f"{evaluation.id}-{role}.parquet"
            scores = [1.0] * count + [0.0] * (60 - count)
            table = pa.table({"pair_id": [f"p{number}" for number in range(60)], "exact_match": scores})
            if choices is not None:
                table = table.slice(0, choices).append_column("choice_accuracy", pa.array([1.0] * choices))
            pq.write_table(table, path)
            stored[role] = StoredScores(path=path, sha256=sha256(path), pairs=60)
    changed = {"model_version": version, "model_digest": digest_of(FILES), "scores": stored, "suite_name": suite}
    records.add(services.store, evaluation.model_copy(update=changed))


def promote(promotions: Promotions, version: str, **asked: Any) -> Promotion:
    return promotions.promote("triage", version, "champion", actor="ada", **asked)


def champion(services: Services) -> str | None:
    return services.tracking.aliases("triage").get("champion")


def test_an_alias_goes_to_the_better_model_and_back(services: Services, promotions: Promotions, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no gate for champion of triage yet"):
        promote(promotions, "1")
    unknown = promote(promotions, "1", gate=GATE)
    assert (unknown.decision and unknown.decision.verdict, champion(services)) == (Verdict.NOT_ENOUGH_EVIDENCE, None)
    evaluate(services, "1", 36, tmp_path)
    with pytest.raises(InvalidRequest, match="no gate for champion of triage yet: none has moved it"):
        promote(promotions, "1")  # the one that was given let nothing through
    first = promote(promotions, "1", gate=GATE)
    assert first.decision is not None
    assert first.decision.verdict is Verdict.SHIP, first.decision
    assert (first.moved_at is not None, champion(services)) == (True, "1")
    with pytest.raises(Conflict, match="is version 1 already"):
        promote(promotions, "1")
    evaluate(services, "2", 12, tmp_path)  # beside version 1, which is right in 6 of 10
    worse = promote(promotions, "2")
    assert worse.decision is not None
    assert (worse.decision.verdict, worse.moved_at, champion(services)) == (Verdict.DO_NOT_SHIP, None, "1")
    evaluate(services, "2", 60, tmp_path)
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


def test_a_model_that_forgot_what_it_could_is_refused(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    """By another suite, against its own base model, whatever the suite that it was trained for says."""
    gate = {**GATE, "forgetting": {"general": {"exact_match": 0.1}}}

    def found(version: str = "1") -> dict[str, Verdict]:
        decision = promote(promotions, version, gate=gate).decision
        assert decision is not None
        return {each.asked: each.verdict for each in decision.findings if "general" in each.asked}

    evaluate(services, "1", 54, tmp_path)
    assert found() == {"nothing forgotten on the suite general": Verdict.NOT_ENOUGH_EVIDENCE}
    evaluate(services, "1", 30, tmp_path, suite="general", base=None)
    assert found() == {"nothing forgotten on the suite general": Verdict.NOT_ENOUGH_EVIDENCE}
    evaluate(services, "1", 30, tmp_path, suite="general", base=57)
    asked = "on the suite general, exact_match worse by less than 0.1"
    assert found()[asked] is Verdict.DO_NOT_SHIP
    assert champion(services) is None
    evaluate(services, "1", 57, tmp_path, suite="general", base=57)
    made = promote(promotions, "1", gate=gate)
    assert made.gate is not None
    assert made.gate.forgetting == {"general": {"exact_match": 0.1}}
    assert made.decision is not None
    assert made.decision.verdict is Verdict.SHIP, made.decision
    of_general = next(each for each in made.decision.findings if each.asked == asked)
    assert of_general.reason.startswith("against its base model, exact_match is better by 0 ")
    # It rests on the suite that it was trained for, though the other one was evaluated last.
    assert made.evaluation_id == records.of_version(services.store, "triage", "1")[-1].id
    with pytest.raises(InvalidRequest):
        promote(promotions, "2", gate={**GATE, "forgetting": {"general": {"exact_match": 0}}})


def test_nothing_is_half_promoted(
    services: Services, promotions: Promotions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    evaluate(services, "1", 54, tmp_path)
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
    with services.store.begin() as connection:
        connection.execute(text("DELETE FROM model_evaluations"))
    evaluate(services, "1", 54, tmp_path)

    def broken(*_: Any) -> Any:
        raise RuntimeError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "set_alias", broken)
        with pytest.raises(Unavailable, match="did not move champion of triage"):
            promote(promotions, "1", gate=GATE)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "aliases", broken)
        with pytest.raises(Unavailable, match="could not be asked for the alias"):
            promote(promotions, "1", gate=GATE)
    assert champion(services) is None
    # A process that dies right after the registry moved the alias: whoever looks next notes it.
    tracking.set_alias("triage", "champion", "1")
    with pytest.raises(Conflict, match="already"):
        promote(promotions, "1", gate=GATE)
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


def test_figures_of_the_version_in_use_are_of_its_files_and_fresh(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    """Its own evaluation, not that of the version to be promoted; and choices only among the same answers."""
    for version in ("1", "2"):
        evaluate(services, version, 54, tmp_path)
    services.tracking.set_alias("triage", "champion", "1")

    def found(gate: dict[str, Any] = GATE) -> tuple[Verdict, str]:
        decision = services.promotions._evidence.judged(
            parse_gate(gate), services.versions.subject("triage", "2"), "1", None
        )[1]
        return decision.verdict, " ".join(each.reason for each in decision.findings)

    assert found()[0] is Verdict.SHIP
    for change, said in (
        ("finished_at = finished_at - interval '91 days'", "too old"),
        ("model_digest = 'x'", "about other files"),
    ):
        with services.store.begin() as connection:
            connection.execute(text(f"UPDATE model_evaluations SET {change} WHERE model_version = '1'"))
        verdict, why = found()
        assert verdict is Verdict.NOT_ENOUGH_EVIDENCE
        assert "of version 1, ev-" in why
        assert f"{said}: evaluate with --champion 1" in why


def test_choices_of_two_evaluations_stand_beside_each_other_only_where_they_asked_the_same(
    services: Services, tmp_path: Path
) -> None:
    for version, pairs in (("1", 60), ("2", 59)):
        evaluate(services, version, 54, tmp_path, choices=pairs)
    gate, subject = parse_gate({"margins": {"choice_accuracy": 0.2}}), services.versions.subject("triage", "2")
    decision = services.promotions._evidence.judged(gate, subject, "1", None)[1]
    assert decision.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    (one,) = [each for each in decision.findings if each.asked == "a comparison in choice_accuracy"]
    assert one.reason.endswith("so the answers on offer were others: evaluate with --champion 1")
    evaluate(services, "2", 54, tmp_path, choices=60)
    assert services.promotions._evidence.judged(gate, subject, "1", None)[1].verdict is Verdict.SHIP


def test_the_first_model_is_better_than_its_base_model_or_reaches_a_threshold(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    """A margin says nothing where no model is in use: one that is never right would be the first."""
    for right, base, said in ((0, 0, "not surely in exact_match"), (54, None, "was not evaluated"), (36, 33, "surely")):
        evaluate(services, "1", right, tmp_path, base=base)
        decision = promote(promotions, "1", gate=GATE).decision
        assert decision is not None
        assert decision.verdict is Verdict.NOT_ENOUGH_EVIDENCE
        assert decision.findings[-2].asked.startswith("better than its base model, as no model is in use")
        assert said in decision.findings[-2].reason
        assert decision.findings[-2].reason.endswith("set a threshold, such as --threshold exact_match=0.7")
    reached = promote(promotions, "1", gate={**GATE, "thresholds": {"exact_match": 0.4}})
    assert reached.moved_at is not None


def test_the_first_model_is_within_all_margins_of_its_base_model(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    evaluate(services, "1", 12, tmp_path, base=54)
    worse = promote(promotions, "1", gate=GATE).decision
    assert worse is not None
    assert worse.verdict is Verdict.DO_NOT_SHIP
    evaluate(services, "1", 54, tmp_path, base=12)
    assert promote(promotions, "1", gate=GATE).moved_at is not None


def test_a_gate_that_asks_for_less_says_so_and_one_that_moved_nothing_is_never_taken_over(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    for version, right in (("1", 54), ("2", 36)):
        evaluate(services, version, right, tmp_path)
    strict = {"margins": {"exact_match": 0.05}, "thresholds": {"exact_match": 0.7}}
    assert promote(promotions, "1", gate=strict).moved_at is not None
    lax = {"margins": {"exact_match": 0.06}}
    refused = promote(promotions, "2", gate=lax)
    assert refused.moved_at is None
    assert refused.reason == (
        "The gate says: do not ship. It asks for less than decision 1 did: "
        "threshold exact_match=none instead of 0.7, margin exact_match=0.06 instead of 0.05."
    )
    again = promote(promotions, "2")  # by the gate that moved the alias
    assert again.gate == parse_gate(strict)
    evaluate(services, "2", 60, tmp_path, suite="easy")
    evaluate(services, "1", 60, tmp_path, suite="easy")
    elsewhere = promote(promotions, "2")
    assert elsewhere.reason == f"The gate says: ship. It rests on the suite easy, and decision 1 on {SUITE}."


def by_two(parts: Services, approval: timedelta) -> Promotions:
    """Promotions that a second person has to approve."""
    aliases = parts.versions._aliases
    return Promotions(parts.store, parts.database, aliases, parts.versions, parts.suites, approval=approval)


def test_what_nobody_approved_in_time_is_void_and_says_so(services: Services, tmp_path: Path) -> None:
    evaluate(services, "1", 54, tmp_path)
    patient, hasty = by_two(services, timedelta(days=14)), by_two(services, timedelta(microseconds=1))
    first = patient.promote("triage", "1", "champion", gate=GATE, actor="ada")
    (void,) = hasty.of_model("triage")
    assert (first.waits, void.waits, void.expired, void.is_open) == (True, False, True, False)
    anew = hasty.promote("triage", "1", "champion", gate=GATE, actor="eve")
    assert (anew.approves, anew.moved_at, champion(services)) == (None, None, None)
    assert "Decision 1 of ada has expired. It needs the approval of a person other than eve." in anew.reason
    second = patient.promote("triage", "1", "champion", gate=GATE, actor="ada")
    assert (second.approves, champion(services)) == (anew.number, "1")


def test_two_people_move_an_alias(services: Services, tmp_path: Path) -> None:
    """One alone never does, whatever they repeat; another gate or another version is another proposal."""
    parts = services
    promotions = by_two(parts, timedelta(days=14))

    def by(actor: str, version: str = "1", gate: dict[str, Any] | None = None) -> Promotion:
        return promotions.promote("triage", version, "champion", gate=gate, actor=actor)

    evaluate(parts, "1", 54, tmp_path)
    evaluate(parts, "2", 12, tmp_path)
    first = by("ada", gate=GATE)
    assert (first.waits, first.approves, first.moved_at, champion(parts)) == (True, None, None, None)
    assert first.reason == "The gate says: ship. It needs the approval of a person other than ada."
    assert by("Ada", gate=GATE).waits, "it is the same person"
    assert by("ada", gate=GATE).waits
    with pytest.raises(InvalidRequest, match="none has moved it"):
        by("eve")  # what waits is approved by its own gate, and by no silence
    assert by("eve", gate={"margins": {"exact_match": 0.5}}).waits
    assert by("eve", "2", GATE).waits
    assert champion(parts) is None
    # Moved behind us: what waits did not move it.
    parts.tracking.set_alias("triage", "champion", "2")
    assert by("eve", gate=GATE).waits  # for now it is another one that would be replaced
    assert all(each.moved_at is None for each in promotions.of_model("triage"))
    parts.tracking.set_alias("triage", "champion", None)
    second = by("eve", gate=GATE)
    assert (second.waits, second.moved_at is not None, champion(parts)) == (False, True, "1")
    assert second.reason.endswith(f"It approves decision {second.approves} of ada.")
    by("ada", "2")
    assert not by("eve", "2").waits  # refused by the gate: nothing waits
    assert champion(parts) == "1"


def test_an_approval_is_for_the_suite_that_was_proposed(services: Services, tmp_path: Path) -> None:
    """The latest evaluation is on another one by now: approving what rests on that is another proposal."""
    promotions = by_two(services, timedelta(days=14))
    evaluate(services, "1", 54, tmp_path)
    first = promotions.promote("triage", "1", "champion", gate=GATE, actor="ada")
    assert (first.waits, first.suite) == (True, SUITE)
    with services.store.begin() as connection:
        connection.execute(text("UPDATE model_evaluations SET created_at = created_at - interval '1 day'"))
    evaluate(services, "1", 60, tmp_path, suite="easy")
    other = promotions.promote("triage", "1", "champion", gate=GATE, actor="eve")
    assert (other.waits, other.suite, champion(services)) == (True, "easy", None)
    second = promotions.promote("triage", "1", "champion", gate=GATE, suite=SUITE, actor="eve")
    assert (second.approves, champion(services)) == (first.number, "1")


def test_of_two_promotions_at_once_one_is_told_and_nothing_is_half_done(
    services: Services, promotions: Promotions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first is at the registry: it decides nothing, and the first one is not disturbed."""
    evaluate(services, "1", 54, tmp_path)
    evaluate(services, "2", 54, tmp_path)
    move, at_the_registry, goes_on = Tracking.set_alias, threading.Event(), threading.Event()

    def slow(tracking: Tracking, *asked: Any) -> None:
        at_the_registry.set()
        assert goes_on.wait(60)
        move(tracking, *asked)

    monkeypatch.setattr(Tracking, "set_alias", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(promote, promotions, "1", gate=GATE)
        try:
            assert at_the_registry.wait(60)
            for again in ("1", "2"):
                with pytest.raises(
                    Conflict, match="Somebody else is deciding about champion of triage right now"
                ) as told:
                    promote(promotions, again, gate=GATE)
                assert "models promotions" in told.value.hint
            with pytest.raises(Conflict, match="Somebody else is deciding"):
                promotions.roll_back("triage", "champion", reason="r", actor="eve")
        finally:
            goes_on.set()
        assert first.result().moved_at is not None
    assert [(each.model_version, each.moved_at is not None) for each in promotions.of_model("triage")] == [("1", True)]
    assert champion(services) == "1"


@pytest.mark.parametrize("meanwhile", ["moved", "tainted"])
def test_what_happens_while_it_is_judged_moves_nothing(
    services: Services, promotions: Promotions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """The alias is moved in MLflow by somebody else, or the version is tainted, while the gate looks at the scores."""
    evaluate(services, "1", 54, tmp_path)
    judged = Evidence.judged

    def slowly(*asked: Any) -> Any:
        found = judged(*asked)
        if meanwhile == "moved":
            services.tracking.set_alias("triage", "champion", "2")
        else:
            tainted = Standing(state=VersionState.TAINTED, reasons=("Tainted by rv-1: consent.",))
            monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, tainted))
        return found

    monkeypatch.setattr(Evidence, "judged", slowly)
    expected, said = {
        "moved": (Conflict, "moved by somebody else: it is version 2 now"),
        "tainted": (Tainted, "Tainted by rv-1: consent"),
    }[meanwhile]
    with pytest.raises(expected, match=said):
        promote(promotions, "1", gate=GATE)
    on_record = [(each.model_version, each.moved_at) for each in promotions.of_model("triage")]
    assert (on_record, champion(services)) == (([("1", None)], "2") if meanwhile == "moved" else ([], None))


def test_scores_that_are_gone_or_changed_move_nothing(
    services: Services, promotions: Promotions, tmp_path: Path
) -> None:
    evaluate(services, "1", 54, tmp_path)
    (scores,) = tmp_path.glob("*-tuned.parquet")
    scores.write_bytes(b"other")
    with pytest.raises(Unavailable, match="not those that were measured"):
        promote(promotions, "1", gate=GATE)
    scores.unlink()
    with pytest.raises(Unavailable):
        promote(promotions, "1", gate=GATE)
    assert (promotions.of_model("triage"), champion(services)) == ([], None)


def test_a_suite_that_is_not_there_or_not_asked_is_told(promotions: Promotions, services: Services) -> None:
    with pytest.raises(NotFound, match="no suite 'nowhere'"):
        promote(promotions, "1", gate=GATE, suite="nowhere")
    assert promotions.of_model("triage") == []
    make_suite(services)
    made = promote(promotions, "1", gate=GATE, suite=SUITE)
    assert made.decision is not None
    assert "was not evaluated on the suite parcels" in made.decision.findings[0].reason
