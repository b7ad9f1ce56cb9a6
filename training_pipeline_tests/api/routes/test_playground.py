"""The playground over REST: what is asked and answered, and that nothing of it is logged or stored."""

from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.asking import LONGEST_QUESTION, AskedModel, ChatTurn, ModelAnswer
from training_pipeline.models.playground import Answered, Playground
from training_pipeline.testing.jobs.job_life import API
from training_pipeline_tests.api.test_problems import problem

ASK = f"{API}/model-versions/triage/2/ask"
CANARY = "zanzibar"
_TABLES = text("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")


def test_a_question_is_answered_and_kept_nowhere(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []

    def ask(self: Playground, name: str, version: str, **more: object) -> Answered:
        asked.append(more)
        return Answered(
            messages=(ChatTurn(role="user", content=CANARY),),
            expected=None,
            models=(AskedModel(role="base", source="some/model"), AskedModel(role="tuned", source="/m")),
            answers=(
                ModelAnswer(role="base", problem="It is too long."),
                ModelAnswer(role="tuned", answer=f"<b>{CANARY}</b>", stopped=True, tokens=3, seconds=1.5),
            ),
            champion=None,
            note="The champion is not asked: it is gone.",
        )

    monkeypatch.setattr(Playground, "ask", ask)
    with caplog.at_level(logging.DEBUG):
        found = client.post(ASK, json={"question": CANARY, "max_tokens": 9, "base": False})
    assert found.status_code == 200
    body = {"question": CANARY, "pair_id": None, "max_tokens": 9, "base": False, "champion": True}
    assert asked == [{**body, "asked_by": services.settings.local_user}]
    told = found.json()
    assert [(one["model"], one["answer"], one["problem"]) for one in told["answers"]] == [
        ("some/model", None, "It is too long."),
        ("triage 2", f"<b>{CANARY}</b>", None),
    ]
    assert told["limits"]["question_characters"] == LONGEST_QUESTION
    assert CANARY not in caplog.text
    with services.store.begin() as connection:
        for table in connection.execute(_TABLES).scalars().all():
            rows = connection.execute(text(f'SELECT CAST(t AS text) FROM "{table}" AS t')).scalars()
            assert not [row for row in rows if CANARY in row], table


def test_what_is_unknown_or_wrong(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    problem(client.post(ASK, json={"question": "?"}), 404, "not_found")
    for body in ({}, {"question": "?", "pair_id": "p"}, {"question": ""}, {"question": "?", "max_tokens": 513}):
        problem(client.post(ASK, json=body), 422, "invalid_request")
    with caplog.at_level(logging.DEBUG):
        found = problem(client.post(ASK, json={"question": CANARY * 2000}), 422, "invalid_request")
    assert CANARY not in str(found) + caplog.text
