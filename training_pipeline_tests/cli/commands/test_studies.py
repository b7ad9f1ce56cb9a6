"""The commands on studies."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from training_pipeline.app.container import Services
from training_pipeline.cli.commands import studies
from training_pipeline.cli.render.studies import total_of
from training_pipeline.testing.studies.seen_study import study_page
from training_pipeline.testing.studies.trial_life import TrialBackend, over
from training_pipeline.testing.system.command_line import Command


def test_the_space_as_it_is_stated() -> None:
    stated = ["learning_rate=1e-5..1e-3", "lora_rank=4..64:log", "epochs=1..9:2", "lr_scheduler=cosine,linear"]
    assert studies.space_of([*stated, "weight_decay=0,0.1"]) == {
        "learning_rate": {"low": 1e-5, "high": 1e-3},
        "lora_rank": {"low": 4, "high": 64, "log": True},
        "epochs": {"low": 1, "high": 9, "step": 2},
        "lr_scheduler": {"choices": ["cosine", "linear"]},
        "weight_decay": {"choices": [0, 0.1]},
    }


@pytest.mark.parametrize("stated", ["epochs", "=1..2", "epochs="])
def test_what_has_not_the_form(stated: str) -> None:
    with pytest.raises(typer.BadParameter, match="not of the form"):
        studies.space_of([stated])


def test_what_all_trials_take() -> None:
    total = study_page().total
    assert total_of(total) == (
        "All 12 trials take 2:00:00 of training at most by estimate, 1:00:00 with as many at once as there may be, and "
        "cost 30.00 EUR."
    )


def test_a_study_from_the_command_line(command: Command, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "There are no studies" in command("studies", "list")[1]
    asked = ["studies", "create", "s", "small", "--model-name", "triage", "--space", "batch_size=4,8", "--trials"]
    code, _, errors = command(*asked, "3")
    assert (code, "/most_trials: is 3, but the space has 2 configurations in all" in errors) == (1, True)
    code, said, errors = command(*asked, "2", "--dry-run")
    assert (code, errors) == (0, ""), errors
    assert "How long all trials take cannot be estimated." in said
    assert services.studies.page(limit=1) == ([], 0)
    code, said, errors = command(*asked, "2", "--hours", "2")
    assert (code, errors) == (0, ""), errors
    assert "0 of 2 trials" in said
    assert "Budget: 2 trials, 1 at once, 2 hours" in said
    monkeypatch.setattr(studies, "_SECONDS", 0.0)
    over(services, TrialBackend(), "s", lambda params: [2.0, 1.0 / params["batch_size"]])
    code, said, _ = command("studies", "watch", "s")
    assert code == 0
    assert "val_loss 0.125  batch_size=8" in said
    best = "Best: trial 1" if "trial 1  succeeded  val_loss 0.125" in said else "Best: trial 2"
    assert f"{best} with a validation loss of 0.125 (selected: the same pairs chose it)" in said
    found: dict[str, Any] = json.loads(command("studies", "show", "s", "--json")[1])
    assert found["status"] == "finished"
    assert "finished" in command("studies", "list", "--sheet", "small", "--status", "finished")[1]
    assert "No studies match." in command("studies", "list", "--by", "eve")[1]
    code, said, _ = command("studies", "promote", "s")
    assert (code, services.jobs.list(limit=1)[0][0].id in said) == (0, True)
    assert command("studies", "stop", "s", "--reason", "r")[0] == 0
    asked[2] = "t"
    assert command(*asked, "2")[0] == 0
    assert "Stopped by" in command("studies", "stop", "t")[1]
    assert (
        "1 of 2. Show more with --limit, or the next page with --cursor "
        in command("studies", "list", "--limit", "1")[1]
    )
    services.advance_studies.advance("t")
    assert command("studies", "watch", "t")[0] == 1
