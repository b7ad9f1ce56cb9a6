"""Evaluations of a version of a job, by a program that only says how right each model is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.local import evaluation as program
from training_pipeline.domain.errors import Conflict, GateRefused, InvalidRequest, NotFound, Tainted, Unavailable
from training_pipeline.domain.judge import JudgeEndpoint
from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.domain.refs import required
from training_pipeline.domain.usage import DataClassification
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.already_active import require_same
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.judges import Judges
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.evaluation.results import scores_of
from training_pipeline.models.evaluation.tracked import TrackedFigures
from training_pipeline.models.versions import files
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.files import Place
from training_pipeline.schemas.evaluation import ModelEvaluation
from training_pipeline.settings import Settings
from training_pipeline.sft.config import TinySize
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.model import tiny
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.models.evaluated import SUITE, judging, make_suite, over, unseen
from training_pipeline.testing.servers.judge_server import MODEL, judge_server
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.system.installation import stand_in_services, with_parts
from training_pipeline.testing.trainers.local_backend import until
from training_pipeline.testing.trainers.stand_in_evaluation import stand_in_evaluation
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl
from training_pipeline.training_jobs.store import lineage


@pytest.fixture
def services(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """An installation with version 2 of the model `triage`, whose folder is here."""
    right = {"tuned": 0.9, "base": 0.1, "champion": 0.5}
    monkeypatch.setattr(program, "PROGRAM", stand_in_evaluation(right=right))
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path, str(tmp_path)))
    with stand_in_services(settings, database) as parts:
        write_sheet(settings.sheets, "small", rows(40))
        succeeded(parts)
        make_suite(parts)
        yield parts


@pytest.fixture
def evaluations(services: Services) -> Evaluations:
    return services.evaluations


def start(evaluations: Evaluations, **asked: Any) -> Evaluation:
    return evaluations.start("triage", "2", SUITE, actor="ada", **asked)


def asking(services: Services, evaluation: Evaluation) -> float:
    return until(lambda: services.backend.status(evaluation.id, 1).asks_since, "the question")


def test_a_version_is_evaluated_beside_its_base_model(services: Services, evaluations: Evaluations) -> None:
    made = start(evaluations)
    assert start(evaluations).id == made.id  # while it is being done
    assert [model.role for model in made.asked_models] == ["base", "tuned"]
    with pytest.raises(Conflict, match=f"on the suite '{SUITE}' beside its base model: {made.id}"):
        start(evaluations, base=False)
    with pytest.raises(Conflict, match=f"beside no other version, with the judge house: {made.id}"):
        require_same(made.model_copy(update={"champion_version": "1"}), made.model_copy(update={"judge": judging()}))
    found = over(services, made)
    assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None)
    assert (found.counts.asked, found.counts.evaluated, found.counts.refused) == (60, 60, {})
    overall = {(each.model, each.over): each for each in found.figures or () if each.of is None}
    assert {key: round(each.estimate, 3) for key, each in overall.items()} == {
        ("base", None): 0.1,
        ("tuned", None): 0.9,
        ("tuned", "base"): 0.8,
    }
    duel = overall["tuned", "base"]
    assert (duel.wins, duel.losses, duel.ties) == (48, 0, 12)
    assert found.scores is not None
    sources = services.suites.get(SUITE).suite.sheets
    stored_sources = scores_of(found.scores["tuned"])["sheet_id"].unique().to_pylist()
    assert stored_sources == [sheet.sheet_id for sheet in sources]
    assert scores_of(found.scores["tuned"])["exact_match"].to_pylist().count(1.0) == 54
    assert start(evaluations).id != made.id
    assert records.of_version(services.store, "triage", "2")[1].id == made.id
    assert not [*services.settings.runs.glob(f"{made.id}-1/questions*jsonl")]
    said = {word for pair in unseen(60) for message in pair["messages"] for word in [message["content"]]}
    kept = {str(value) for row in pq.read_table(found.scores["tuned"].path).to_pylist() for value in row.values()}
    assert not said & kept
    with services.store.begin() as connection:
        (stored,) = connection.execute(
            text("SELECT CAST(e AS text) FROM model_evaluations AS e WHERE id = :id"), {"id": made.id}
        ).scalars()
    assert not [one for one in said if one in stored]
    found.scores["tuned"].path.write_bytes(b"other")
    with pytest.raises(Unavailable, match="not those that were measured"):
        scores_of(found.scores["tuned"])


def with_judge(services: Services, url: str, **environment: str) -> Services:
    """The same installation with the judge `house`, which may read what is public."""
    endpoint = JudgeEndpoint(url=url, model="judge-7b", key_env="JUDGE_KEY")
    evaluations = Evaluations(
        services.store,
        services.source,
        services.policy,
        services.backend,
        Aliases(services.store, services.tracking),
        services.suites,
        services.versions,
        TrackedFigures(services.store, services.tracking),
        Judges({"house": endpoint}, DataClassification.PUBLIC, environment),
        object.__new__(KeptModels),
        keys=services.keys,
    )
    return with_parts(services, evaluations=evaluations)


def judged_start(services: Services) -> Evaluation:
    return services.evaluations.start("triage", "2", "open", base=False, judge="house", actor="ada")


@pytest.mark.nightly
def test_a_judge_is_asked_by_the_program_itself(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it at once: the service, the supervisor, the program, a model and a judge, first good and then away."""
    monkeypatch.setattr(program, "PROGRAM", (sys.executable, "-m", "training_pipeline.sft", "--evaluate"))
    monkeypatch.setenv("JUDGE_KEY", "sk-nobody-may-see-this")
    rows_file = write_jsonl(tmp_path / "train.jsonl", triage_pairs(60))
    tiny.create(tmp_path / "base", rows_file, TinySize(), max_length=256, seed=4)  # one that does not say nothing
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path / "base", str(tmp_path)))
    job = services.versions.subject("triage", "2").job
    lineage.set_model(services.store, job.id, version="2", files=folder_sha256(tmp_path / "base"))
    pairs = unseen(40, data_classification="public")
    pairs[0]["data_classification"] = "internal"
    write_sheet(services.settings.sheets, "held-out", pairs)
    services.suites.create("open", ["held-out"], created_by="ada")
    with judge_server() as server:
        services = with_judge(services, server.url, JUDGE_KEY="sk-nobody-may-see-this")
        found = over(services, judged_start(services), seconds=180)
        assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None)
        assert {headers["Authorization"] for headers in server.headers} == {"Bearer sk-nobody-may-see-this"}
        sent = "".join(body["messages"][1]["content"] for body in server.asked)
        assert "parcel 1 " in sent
        assert "parcel 0 " not in sent
        server.behaviour = "key"
        failed = over(services, judged_start(services), seconds=180)
    judged = found.judge.answers["tuned"] if found.judge and found.judge.answers else None
    assert judged is not None
    assert (judged.judged, judged.not_sent, judged.models, judged.missing) == (39, 1, (MODEL,), None)
    assert {each.n for each in found.figures or () if each.metric == "judged_right" and each.of is None} == {39}
    assert failed.status is EvaluationStatus.SUCCEEDED
    assert "judged_right" not in {each.metric for each in failed.figures or ()}
    assert "exact_match" in {each.metric for each in failed.figures or ()}
    assert failed.judge is not None
    assert "it refused the key" in str(failed.judge.missing("tuned"))
    for run in services.settings.runs.glob("ev-*"):
        kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
        assert b"sk-nobody" not in kept
        assert b"parcel" not in kept


def test_a_judge_reads_what_is_public_now(services: Services) -> None:
    with pytest.raises(InvalidRequest, match="no judge 'house'"):
        start(services.evaluations, judge="house")
    services = with_judge(services, "http://127.0.0.1:9/v1", JUDGE_KEY="k")
    evaluations = services.evaluations
    write_sheet(services.settings.sheets, "held-out", unseen(60, data_classification="public"))
    services.suites.create("open", ["held-out"], created_by="ada")
    made = judged_start(services)
    assert judged_start(services).id == made.id
    with pytest.raises(Conflict, match=f"with the judge house: {made.id}"):
        evaluations.start("triage", "2", "open", actor="ada")
    asking(services, made)
    pairs = unseen(60, data_classification="public")
    for pair in pairs[:20]:
        pair["data_classification"] = "internal"
    write_sheet(services.settings.sheets, "held-out", pairs)
    found = over(services, made)
    assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None)
    assert found.judge is not None
    judged = (found.judge.answers or {})["tuned"]
    assert (judged.judged, judged.not_sent, judged.missing) == (40, 20, None)
    (figure,) = [each for each in found.figures or () if each.metric == "judged_right" and each.of is None]
    assert (figure.n, figure.estimate) == (40, 0.85)
    shown = ModelEvaluation.of(found).judge
    assert shown is not None
    assert (shown.answers[0].agreement, shown.answers[0].missing) == (1.0, None)


def test_what_changed_until_it_has_its_slot_is_left_out(
    services: Services, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = start(evaluations, base=False)
    changed = unseen(58)
    changed[3]["messages"][1]["content"] = "somebody else"
    changed[4]["prohibited_uses"] = ["evaluation"]
    write_sheet(services.settings.sheets, "held-out", changed)
    found = over(services, made)
    assert found.counts.aged == {"evaluation_prohibited": 1, "missing": 2, "text_changed": 1}
    assert (found.counts.asked, found.counts.evaluated) == (60, 56)
    assert found.scores is not None
    assert {role: one.pairs for role, one in found.scores.items()} == {"tuned": 56}
    # A version that is tainted meanwhile is asked nothing.
    made = start(evaluations)
    asking(services, made)
    standing = Standing(state=VersionState.TAINTED, reasons=("Tainted by rv-1: a reason.",))
    monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, standing))
    found = over(services, made)
    assert found.status is EvaluationStatus.FAILED
    assert "Tainted by rv-1: a reason. Train a model without these pairs" in str(found.error)
    with pytest.raises(Tainted, match="triage version 2 is tainted"):
        start(evaluations)
    withdrawn = Standing(state=VersionState.WITHDRAWN, reasons=())
    monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, withdrawn))
    with pytest.raises(Tainted, match="is withdrawn"):
        start(evaluations)
    # Nor is one beside a champion that is.
    monkeypatch.setattr(services.versions, "_standings", lambda _: {})
    usable = services.versions.subject("triage", "2")
    champion = replace(usable, version=replace(usable.version, version="1", state=VersionState.WITHDRAWN))
    monkeypatch.setattr(services.versions, "subject", lambda _, version: champion if version == "1" else usable)
    with pytest.raises(Tainted, match="triage version 1 is withdrawn"):
        evaluations._learned(made.model_copy(update={"champion_version": "1"}))


@pytest.mark.soak
@pytest.mark.parametrize("harm", drawn(["changed", "gone", "added"]))
def test_files_that_are_not_those_on_record_when_it_has_its_slot_fail_it_by_name(
    services: Services, evaluations: Evaluations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """By the program itself, which loads nothing of them; the folder of the model was whole when it was asked for."""
    monkeypatch.setattr(program, "PROGRAM", (sys.executable, "-m", "training_pipeline.sft", "--evaluate"))
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text(name)
    monkeypatch.setattr(files, "place", lambda *_: Place(folder, str(folder)))
    job = services.versions.subject("triage", "2").job
    lineage.set_model(services.store, job.id, version="2", files=folder_sha256(folder))
    made = start(evaluations, base=False)
    file = folder / ("extra.bin" if harm == "added" else "model.safetensors")
    file.unlink() if harm == "gone" else file.write_text("other")
    found = over(services, made, seconds=120)
    assert found.status is EvaluationStatus.FAILED
    assert f"not the one on record (changed, added or gone: {file.name})" in str(found.error)
    assert (found.scores, found.figures) == (None, None)
    assert not [*services.settings.runs.glob(f"{made.id}-1/questions*jsonl")]


def test_a_version_whose_files_are_gone_is_not_evaluated(
    services: Services, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "place", lambda *_: Place(None, None, "The folder of its model is gone.", lost=True))
    with pytest.raises(Conflict, match="The folder of its model is gone") as told:
        start(evaluations)
    assert "Restore its files" in told.value.hint
    assert records.of_version(services.store, "triage", "2") == []


def test_a_version_that_is_tainted_while_it_answers_is_measured_and_not_promoted(
    services: Services, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its questions were handed out before: the figures are on record, and move nothing."""
    made = start(evaluations, base=False)
    asking(services, made)
    evaluations.settle(made)  # the questions are handed out
    standing = Standing(state=VersionState.TAINTED, reasons=("Tainted by rv-1: a reason.",))
    monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, standing))
    assert over(services, made).status is EvaluationStatus.SUCCEEDED
    gate = {"margins": {"exact_match": 0.5}}
    with pytest.raises(Tainted, match="Tainted by rv-1"):
        services.promotions.promote("triage", "2", "champion", gate=gate, actor="ada")
    assert services.promotions.of_model("triage") == []


def test_what_is_refused_waited_for_and_cancelled(
    services: Services, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sheet(services.settings.sheets, "seen", rows(5, allowed_uses=["evaluation"]))
    services.suites.create("seen", ["seen"], created_by="ada")
    with pytest.raises(GateRefused, match=r"of 5 pairs 5 same_example"):
        evaluations.start("triage", "2", "seen", actor="ada")
    with pytest.raises(NotFound):
        evaluations.start("triage", "7", SUITE, actor="ada")
    with pytest.raises(NotFound, match="There is no suite"):
        evaluations.start("triage", "2", "nobody", actor="ada")
    with pytest.raises(InvalidRequest, match="with itself"):
        start(evaluations, champion="2")
    elsewhere = Evaluations(
        services.store,
        services.source,
        services.policy,
        object.__new__(type("Elsewhere", (), {"name": "elsewhere"})),
        Aliases(services.store, services.tracking),
        services.suites,
        services.versions,
        TrackedFigures(services.store, services.tracking),
        Judges({}, DataClassification.PUBLIC),
        object.__new__(KeptModels),
    )
    with pytest.raises(InvalidRequest, match="backend elsewhere cannot evaluate"):
        elsewhere.start("triage", "2", SUITE, actor="ada")
    # A source that is away is waited for, and a cancel ends it.
    made = start(evaluations)
    asking(services, made)

    def away(*_: Any) -> Any:
        raise Unavailable("The source is away.")

    with monkeypatch.context() as patch:
        patch.setattr(type(services.source), "open", away)
        evaluations.settle(made)
    waiting = records.get(services.store, made.id)
    assert (waiting.status, waiting.message) == (EvaluationStatus.QUEUED, "The source is away.")
    evaluations.cancel("triage", "2", made.id)
    assert over(services, made).status is EvaluationStatus.CANCELLED
    with pytest.raises(NotFound):
        evaluations.cancel("triage", "2", "ev-nobody")
    assert evaluations.cancel("triage", "2", made.id).status is EvaluationStatus.CANCELLED


@pytest.mark.parametrize("lost", ["dataset", "suite"])
def test_what_is_lost_is_not_waited_for(services: Services, evaluations: Evaluations, lost: str) -> None:
    """It would keep its slot for ever: nobody but a person restores what is gone."""
    made = start(evaluations)
    asking(services, made)
    dataset = required(services.store.get(made.job_id).data.dataset, "dataset")
    suite = services.suites.get(SUITE).suite
    (dataset.train_file if lost == "dataset" else suite.path / "pairs.parquet").unlink()
    evaluations.settle(made)
    found = records.get(services.store, made.id)
    assert found.status is EvaluationStatus.FAILED
    assert f"{lost} " in str(found.error).lower()
    assert "is gone" in str(found.error)


def test_what_nobody_gives_its_questions_says_what_kept_them(
    services: Services, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("The source is away.")

    monkeypatch.setattr(program, "QUESTIONS_SECONDS", 0.5)
    made = start(evaluations)
    asking(services, made)
    with monkeypatch.context() as patch:
        patch.setattr(type(services.source), "open", away)
        evaluations.settle(made)
    found = over(services, made)
    assert found.status is EvaluationStatus.FAILED
    assert "was given no questions" in str(found.error)
    assert str(found.error).endswith("What kept them: The source is away.")
