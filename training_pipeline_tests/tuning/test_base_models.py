"""Studies that search the base model: what they are refused for, and from what their trials and their winner start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from training_pipeline.app.container import Services
from training_pipeline.backends.hub import HubModel
from training_pipeline.backends.local.base_models import ModelCatalogue
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.backends.submission import Submission
from training_pipeline.cli.render.studies import study_of
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import BaseModelChanged, FieldProblem, InvalidRequest
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.study import Study, StudyStatus, TrialStatus
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.schemas.study import StudyPage
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.models.evaluated import SUITE
from training_pipeline.testing.servers.hub import ScriptedHub
from training_pipeline.testing.studies.trial_life import TrialBackend, begin, end, running, study_request
from training_pipeline.training_jobs.lifecycle.advising import Advisor
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.store import lineage
from training_pipeline.tuning import records
from training_pipeline.tuning.objective import Objectives

OF_HUB = "owner/three"


class ModelsBackend(TrialBackend):
    """Takes the models that a catalogue does; a test says how each cuts texts into tokens."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        for name in ("one", "two"):
            (folder / name).mkdir()
            (folder / name / "config.json").write_text("{}")
            (folder / name / "model.safetensors").write_text(name)
        self.hub = {OF_HUB: HubModel("c1")}
        self.models = ModelCatalogue(folder, ScriptedHub(self.hub), allowed=(OF_HUB,))
        self.tokens: dict[str, str | None] = {}

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """For a model of the catalogue."""
        chosen = self.models.choose(base_model)
        if isinstance(chosen, FieldProblem):
            raise InvalidRequest("It cannot be run.", problems=[chosen])
        return super().plan(chosen.id, config, train_pairs=train_pairs)

    def revision(self, base_model: str) -> str | None:
        """Of the catalogue."""
        return self.models.revision(base_model)

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """Of the catalogue."""
        return self.models.identify(base_model, revision)

    def tokenizer(self, base_model: str) -> str | None:
        """Every one can be asked."""
        return base_model

    def rehearse(self, submission: Submission) -> Rehearsal:
        """Nothing but the tokenizer; of one that is told apart by its name."""
        tokens = self.tokens.get(Path(submission.base_model).name, "t")
        return Rehearsal(tokenizer_sha256=tokens, chat_template_sha256="c")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def backend(folder: Path) -> ModelsBackend:
    return ModelsBackend(folder)


def made(services: Services, *choices: str, **values: Any) -> Study:
    body = {"space": {"base_model": {"choices": choices}}, "most_trials": len(choices), **values}
    return services.studies.create(study_request(**body), created_by="ada")


def problems(services: Services, *choices: str, **values: Any) -> dict[str, list[str]]:
    with pytest.raises(InvalidRequest) as caught:
        made(services, *choices, **values)
    assert records.find(services.store, "s") is None
    found: dict[str, list[str]] = {}
    for problem in caught.value.problems:
        found.setdefault(problem.pointer, []).append(problem.message)
    return found


def test_trials_and_the_winner_start_from_what_their_base_model_was(
    services: Services, backend: ModelsBackend, folder: Path
) -> None:
    study = made(services, "one", "two", OF_HUB)
    page = StudyPage.of_details(services.studies.show("s"))
    assert [(each.asked, each.revision, each.digest is None) for each in page.base_models] == [
        ("one", None, False),
        ("two", None, False),
        (OF_HUB, "c1", True),
    ]
    console = Console(width=200)
    with console.capture() as said:
        console.print(study_of(page))
    assert f"Base model {OF_HUB} at c1" in said.get()
    backend.hub[OF_HUB] = HubModel("c2")
    (folder / "two" / "model.safetensors").write_text("another")
    for _ in range(3):
        services.advance_studies.advance("s")
        (trial,) = running(services, "s")
        job_id, asked = trial.job_id or "", trial.params["base_model"]
        if asked == "two":
            with pytest.raises(BaseModelChanged, match=r"two are not those"):
                prepared(services, job_id)
            begin(services, backend, job_id, digest=services.store.get(job_id).data.dataset_digest or "")
            end(services, job_id, JobStatus.FAILED, error_details={"code": BaseModelChanged.code})
            continue
        job = prepared(services, job_id)
        begin(services, backend, job_id, digest=job.data.dataset_digest or "")
        end(services, job_id, val_loss=1.0 if asked == OF_HUB else 2.0)
        record = lineage.read(services.store, job_id).base_model
        pinned = study.pinned(trial.params)
        assert record is not None
        assert pinned is not None
        assert (record.reference, record.files) == (pinned.reference, pinned.files)
        assert job.request.base_model_revision == pinned.revision
    assert services.advance_studies.advance("s").status is StudyStatus.FINISHED
    trials = {trial.params["base_model"]: trial for trial in records.trials_of(services.store, "s")}
    assert (trials["two"].status, trials["two"].cause) == (TrialStatus.FAILED, "base_model_changed")
    winner = services.studies.promote("s", actor="ada")
    assert (winner.request.base_model, winner.request.base_model_revision) == (OF_HUB, "c1")
    assert winner.request.requested_config == {}
    other = services.studies.promote("s", number=trials["one"].number, actor="ada")
    assert other.request.base_model == str(folder / "one")
    (folder / "one" / "model.safetensors").write_text("another")
    with pytest.raises(BaseModelChanged):
        prepared(services, other.id)


def test_every_base_model_is_held_to_the_rules_of_a_job(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = problems(services, "one", "none", "owner/closed", cost=5.0)
    assert said.keys() == {"/space/base_model", "/cost"}
    unknown, closed = said["/space/base_model"]
    assert unknown.startswith("with none: there is no base model 'none'")
    assert closed.startswith("with owner/closed: there is no base model owner/closed that may be used here")
    job: dict[str, Any] = {"training_sheet_id": "small", "model_name": "triage", "base_model": "one"}
    assert problems(services, "one", "two", job=job) == {
        "/space/base_model": ["is searched and set in the job; leave one of them out"]
    }
    assert problems(services, "one", str(folder / "one")) == {
        "/space/base_model": [f"has a base model twice: one and {folder / 'one'} are both {folder / 'one'}"]
    }

    def described(_: Any, plan: Plan) -> ModelFacts:
        size = 3_000_000_000 if plan.base_model.endswith("two") else 1_000_000
        return ModelFacts(parameters=size, hidden_size=2048, layers=28, memory_bytes=16 * 10**9)

    monkeypatch.setattr(Advisor, "described", described)
    job = {"training_sheet_id": "small", "model_name": "triage", "training_config": {"method": "full"}}
    (large,) = problems(services, "one", "two", job=job)["/space/base_model"]
    assert large.startswith("with two: does not fit: ")


@pytest.mark.parametrize("tokens", ["u", None])
def test_losses_of_two_tokenizers_choose_nothing(
    services: Services, backend: ModelsBackend, monkeypatch: pytest.MonkeyPatch, tokens: str | None
) -> None:
    backend.tokens["two"] = tokens
    (said,) = problems(services, "one", "two")["/objective"]
    assert said.startswith("is val_loss, but losses of these base models (one, two) cannot be compared: ")
    assert ("different tokenizers" if tokens else "tokenizer of two cannot be asked") in said
    assert said.endswith("Set objective to suite and name a suite, or search base models of one tokenizer")
    monkeypatch.setattr(Objectives, "problems_of", lambda *_: [])
    of_suite = {"objective": "suite", "suite": SUITE}
    (metric,) = problems(services, "one", "two", **of_suite, metric="token_loss")["/metric"]
    assert metric.startswith("is token_loss, but losses")
    assert metric.endswith("Set it to bits_per_byte, or to the share of right answers")
    assert made(services, "one", "two", **of_suite).status is StudyStatus.RUNNING


def test_a_budget_buys_a_trial_on_each_base_model(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def estimate(_: Any, facts: Any, __: str) -> Estimate:
        cost = 20.0 if facts.base_model.endswith("two") else 2.0
        return Estimate(time=Estimated(), cost=Estimated(middle=cost, low=cost, high=cost), currency="EUR")

    monkeypatch.setattr(Estimator, "estimate", estimate)
    assert problems(services, "one", "two", cost=5.0) == {
        "/cost": ["with two: buys not one trial, which is estimated to cost 20.00 EUR"]
    }
    assert [each.estimate.cost.middle for each in made(services, "one", "two", cost=50.0).base_models] == [2.0, 20.0]
