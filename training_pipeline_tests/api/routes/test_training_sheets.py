from __future__ import annotations

import json
from contextlib import ExitStack

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.app.heavy_reads import AT_ONCE
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline_tests.api.test_problems import problem


def test_sheets_are_listed_and_shown_with_their_export_summary(client: TestClient) -> None:
    listed = client.get(f"{API}/training-sheets").json()
    assert [sheet["id"] for sheet in listed["training_sheets"]] == ["sheet-123", "small"]
    shown = client.get(f"{API}/training-sheets/small").json()
    assert {key: shown[key] for key in listed["training_sheets"][1]} == listed["training_sheets"][1]
    summary = shown["export_summary"]
    assert (summary["total"], summary["eligible"], summary["excluded"]["rejected"]) == (40, 39, 1)
    assert summary["total"] == summary["eligible"] + sum(summary["excluded"].values())
    assert len(shown["digest"]) == 64


def test_the_worked_example(client: TestClient, services: Services) -> None:
    denied = {"prohibited_uses": ["training"], "usage_reason": "contains PHI"}
    held_out = {"allowed_uses": ["evaluation"], "usage_reason": "test set"}
    everything = rows(100)
    pairs = [
        *everything[:85],
        *({**row, **denied} for row in everything[85:97]),
        *({**row, **held_out} for row in everything[97:]),
    ]
    write_sheet(services.settings.sheets, "worked", pairs)
    summary = client.get(f"{API}/training-sheets/worked").json()["export_summary"]
    assert (summary["labeled"], summary["training_allowed"], summary["training_prohibited"]) == (100, 85, 15)
    assert {row["usage_reason"]: row["count"] for row in summary["reasons"]} == {"contains PHI": 12, "test set": 3}


def test_a_preview_shows_only_what_would_be_trained_on(client: TestClient, services: Services) -> None:
    found = client.get(f"{API}/training-sheets/small/preview", params={"limit": 3}).json()
    assert found["trainable"]
    assert [json.loads(line)["messages"][1]["content"] for line in found["lines"]] == ["queue 0", "queue 1", "queue 2"]
    write_sheet(services.settings.sheets, "draft", rows(20), status="review")
    draft = client.get(f"{API}/training-sheets/draft/preview").json()
    assert (draft["trainable"], draft["lines"]) == (False, [])


def test_an_unknown_sheet_is_404_and_names_those_there_are(client: TestClient) -> None:
    for path in ("none", "none/preview"):
        answer = client.get(f"{API}/training-sheets/{path}")
        assert answer.status_code == 404
        assert "small" in answer.json()["hint"]


def test_base_models_are_listed(client: TestClient) -> None:
    found = client.get(f"{API}/models").json()
    assert (found["total"], found["models"][0]["id"], found["models"][0]["default"]) == (1, "builtin:tiny", True)


def test_where_too_much_is_read_others_are_told_to_come_again_and_light_answers_come(
    client: TestClient, services: Services
) -> None:
    with ExitStack() as held:
        for number in range(AT_ONCE):
            held.enter_context(services.heavy_reads.of(f"person-{number}", waits=False))
        services.heavy_reads._wait_seconds = 0.01
        answer = client.get(f"{API}/training-sheets/small/near-duplicates")
        problem(answer, 503, "too_many_reads")
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get(f"{API}/training-sheets").status_code == 200
        assert client.get("/healthz").status_code == 200
    assert client.get(f"{API}/training-sheets/small/near-duplicates").status_code == 200
