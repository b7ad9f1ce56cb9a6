"""Who may be asked, and what: versions by how they stand, pairs by whether their text may be shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.datasets.erased import Erased, erase_text
from training_pipeline.datasets.validation_text import validation_ids
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound, Tainted
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.models.playground import Playground
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.models.versions.verify import Subject
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import stand_in_services

CANARY = "zanzibar"


class Asked:
    """What a backend was asked."""

    def __init__(self) -> None:
        self.models: list[AskedModel] = []
        self.turns: list[ChatTurn] = []
        self.asked_by = ""
        self.meanwhile: Callable[[], object] = lambda: None

    def ask(
        self,
        backend: object,
        models: Sequence[AskedModel],
        messages: Sequence[ChatTurn],
        *,
        max_tokens: int,
        limits: AskLimits,
        asked_by: str,
    ) -> list[ModelAnswer]:
        del backend, max_tokens, limits
        self.asked_by = asked_by
        self.models, self.turns = [*models], [*messages]
        self.meanwhile()
        return [
            ModelAnswer(role=model.role, answer=CANARY[::-1], stopped=True, tokens=1, seconds=1) for model in models
        ]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr(LocalBackend, "ask", lambda *given, **named: found.ask(*given, **named))
    return found


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    with stand_in_services(settings, database) as parts:
        write_sheet(settings.sheets, "small", rows(40))
        yield parts


@pytest.fixture
def job(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    """Version 2 of the model `triage`, whose folder is here."""
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path, str(tmp_path)))
    return succeeded(services)


@pytest.fixture
def dataset(job: TrainingJob) -> DatasetRef:
    return required(job.data.dataset, "dataset")


@pytest.fixture
def playground(services: Services, job: TrainingJob, asked: Asked) -> Playground:
    assert job.id
    assert asked.models == []
    return services.playground


def test_a_question_and_that_of_a_pair(
    playground: Playground, dataset: DatasetRef, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = playground.ask("triage", "2", asked_by="ada", question=CANARY)
    assert ([model.role for model in asked.models], asked.asked_by) == (["base", "tuned"], "ada")
    assert (found.messages, found.expected, found.note) == ((ChatTurn(role="user", content=CANARY),), None, None)
    assert CANARY not in caplog.text
    assert CANARY[::-1] not in caplog.text
    (first, *_) = validation_ids(dataset, 1)
    of_pair = playground.ask("triage", "2", asked_by="ada", pair_id=first, base=False)
    written = {pair["pair_id"]: pair["messages"] for pair in rows(40)}[first]
    assert [turn.content for turn in asked.turns] == [written[0]["content"]]
    assert of_pair.expected == written[1]["content"]
    assert [model.role for model in asked.models] == ["tuned"]


def test_what_is_refused(
    playground: Playground, dataset: DatasetRef, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        playground.ask("triage", "7", asked_by="ada", question="?")
    with pytest.raises(NotFound, match="not validated on a pair 'nobody'"):
        playground.ask("triage", "2", asked_by="ada", pair_id="nobody")
    with pytest.raises(InvalidRequest, match="either a question or"):
        playground.ask("triage", "2", asked_by="ada", question="?", pair_id="nobody")
    (first, *_) = validation_ids(dataset, 1)
    erase_text(dataset.path, Erased.model_validate({"revocation_id": "rv-1", "actor": "a", "erased_at": "2026-01-01"}))
    with pytest.raises(Conflict, match="its text is erased"):
        playground.ask("triage", "2", asked_by="ada", pair_id=first, base=False)
    with pytest.raises(Conflict, match="text is gone"):
        playground.ask("triage", "2", asked_by="ada", question="?")
    monkeypatch.setattr(files, "place", lambda *_: Place(None, None, "The folder of its model is gone.", lost=True))
    with pytest.raises(Conflict, match="The folder of its model is gone") as caught:
        playground.ask("triage", "2", asked_by="ada", question="?", base=False)
    assert "Restore its files" in caught.value.hint
    elsewhere: Any = type("Elsewhere", (), {"name": "elsewhere"})()
    monkeypatch.setattr(services.playground, "_backend", elsewhere)
    with pytest.raises(InvalidRequest, match="backend elsewhere keeps its models"):
        playground.ask("triage", "2", asked_by="ada", question="?")


def test_a_tainted_version_answers_once_the_risk_of_all_that_taints_it_is_accepted(
    playground: Playground, dataset: DatasetRef, services: Services
) -> None:
    first, second, *_ = validation_ids(dataset, 2)
    services.revocations.revoke(Revoked(kind="pair", value=first), reason="consent", actor="grace")
    with pytest.raises(Tainted, match="is tainted") as caught:
        playground.ask("triage", "2", asked_by="ada", question="?")
    assert "accept_risk" in caught.value.hint
    services.decisions.decide("triage", "2", "suppress", reason="r", actor="grace")
    with pytest.raises(Tainted):
        playground.ask("triage", "2", asked_by="ada", question="?")
    services.decisions.decide("triage", "2", "accept_risk", reason="r", actor="grace")
    assert playground.ask("triage", "2", asked_by="ada", question="?").answers
    with pytest.raises(Conflict, match="its text is revoked"):
        playground.ask("triage", "2", asked_by="ada", pair_id=first)
    services.revocations.revoke(Revoked(kind="pair", value=second), reason="consent", actor="grace")
    with pytest.raises(Tainted, match="is tainted"):
        playground.ask("triage", "2", asked_by="ada", question="?")
    services.decisions.decide("triage", "2", "accept_risk", reason="r", actor="grace")
    assert playground.ask("triage", "2", asked_by="ada", question="?").answers
    services.decisions.decide("triage", "2", "withdraw", reason="r", actor="grace")
    with pytest.raises(Tainted, match="is withdrawn"):
        playground.ask("triage", "2", asked_by="ada", question="?")


def test_the_champion_is_asked_where_it_may_be(
    playground: Playground, services: Services, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.playground._aliases, "holder", lambda name, alias: "2")
    assert playground.ask("triage", "2", asked_by="ada", question="?").champion is None
    monkeypatch.setattr(services.playground._aliases, "holder", lambda name, alias: "9")
    found = playground.ask("triage", "2", asked_by="ada", question="?")
    assert "The champion is not asked" in str(found.note)
    assert [model.role for model in asked.models] == ["base", "tuned"]


def test_nothing_is_shown_that_was_withdrawn_while_it_answered(
    playground: Playground, dataset: DatasetRef, services: Services, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = validation_ids(dataset, 1)
    withdraw = Erased.model_validate({"revocation_id": "rv-1", "actor": "a", "erased_at": "2026-01-01"})
    asked.meanwhile = lambda: erase_text(dataset.path, withdraw)
    with pytest.raises(Conflict, match="its text is erased"):
        playground.ask("triage", "2", asked_by="ada", pair_id=first, base=False)
    found = services.versions.subject("triage", "2")
    states = {"2": VersionState.REGISTERED, "1": VersionState.REGISTERED}

    def subject(name: str, version: str) -> Subject:
        return replace(found, version=replace(found.version, name=name, version=version, state=states[version]))

    monkeypatch.setattr(services.versions, "subject", subject)
    monkeypatch.setattr(services.playground._aliases, "holder", lambda name, alias: "1")
    asked.meanwhile = lambda: states.update({"1": VersionState.WITHDRAWN})
    answered = playground.ask("triage", "2", asked_by="ada", question="?", base=False)
    assert [model.role for model in asked.models] == ["tuned", "champion"]
    assert [each.role for each in answered.models] == [each.role for each in answered.answers] == ["tuned"]
    assert answered.champion is None
    assert "The champion is not asked: triage version 1 is withdrawn" in str(answered.note)
    asked.meanwhile = lambda: states.update({"2": VersionState.TAINTED})
    with pytest.raises(Tainted, match="is tainted"):
        playground.ask("triage", "2", asked_by="ada", question="?", base=False)
