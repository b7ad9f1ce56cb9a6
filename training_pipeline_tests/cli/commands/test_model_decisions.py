"""Deciding on the command line, and what shows that nothing was taken out of the record."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from sqlalchemy import text

from training_pipeline.cli.render.decisions import page_of
from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.schemas.decision import Decision, DecisionPage
from training_pipeline.testing.system.command_line import Command

DECIDE = ("models", "decide", "triage", "2", "--reason", "consent withdrawn")


def test_a_decision_is_recorded_listed_and_verified(
    command: Command, url: str, done: TrainingJob, database: Database
) -> None:
    assert "not tainted" in command(*DECIDE, "--decision", "retrain")[2]
    assert "Nothing was decided" in command("models", "decisions")[1]
    command("revoke", "--pair", "p-0003", "--sheet", "small", "--reason", "consent withdrawn", "--yes")
    code, out, error = command(*DECIDE, "--decision", "retrain", "--due", "2099-12-31")
    assert code == 0, error
    assert "Decision 1  triage 2: retrain" in out
    assert "due 2099-12-31" in out
    second = json.loads(command(*DECIDE, "--decision", "accept_risk", "--json", "--url", url)[1])
    assert (second["number"], second["job_id"]) == (2, done.id)
    listed = " ".join(command("models", "decisions", "--name", "triage")[1].split())
    assert "triage 2 accept risk yes" in listed
    assert "triage 2 retrain - " in listed
    for options in ((), ("--url", url)):
        code, out, _ = command("models", "verify", "--decisions", "--head", second["hash"], "--json", *options)
        assert (code, json.loads(out)) == (0, {"decisions": 2, "head": second["hash"], "problems": []})
    for wrong in (("triage", "2", "--decisions"), ("triage", "2", "--head", second["hash"]), ()):
        assert command("models", "verify", *wrong)[0] == 2
    with database.engine(pooled=False).begin() as connection:
        connection.execute(text("DELETE FROM decisions WHERE number = 2"))
    code, out, _ = command("models", "verify-decisions", "--head", second["hash"])
    assert code == 1
    assert "decision 2 was removed" in out
    assert f"no decision has the hash {second['hash']}" in out
    assert command(*DECIDE, "--decision", "forget")[0] == 2


@pytest.mark.parametrize(("update", "word"), [({"in_force": True}, "yes"), ({"expired": True}, "void"), ({}, "-")])
def test_whether_it_holds_is_a_word(update: dict[str, bool], word: str) -> None:
    example = {name: field.examples[0] for name, field in Decision.model_fields.items() if field.examples}
    one = Decision.model_validate(example | {"in_force": False, "expired": False} | update)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(page_of(DecisionPage(decisions=[one], total=1, page=1, page_size=50, next_cursor=None)))
    assert f"retrain {word} grace" in " ".join(console.export_text().split())
