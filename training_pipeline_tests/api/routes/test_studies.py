"""Studies over REST."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.study import StudyStatus
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.servers.bearers import asking_client, bearer
from training_pipeline.testing.studies.seen_study import BEST, seen_study
from training_pipeline.testing.studies.trial_life import end, running
from training_pipeline_tests.api.test_problems import problem

ALL = f"{API}/studies"


def body(**values: Any) -> dict[str, Any]:
    return {
        "name": "s",
        "job": {"training_sheet_id": "small", "model_name": "triage"},
        "space": {"epochs": {"choices": [1, 2]}, "learning_rate": {"low": 1e-4, "high": 1}},
        "most_trials": 2,
        **values,
    }


def test_a_study_is_created_shown_promoted_and_stopped(client: TestClient, services: Services) -> None:
    found = problem(client.post(ALL, json=body(hours="8", more=1)), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/hours", "/more", "/space/learning_rate"]
    found = problem(client.post(ALL, json=body()), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/space/learning_rate"]
    asked = body(space={"epochs": {"choices": [1, 2]}})
    plan = client.post(ALL, json=asked, params={"dry_run": True})
    assert (plan.status_code, plan.json()["training_config"]["epochs"]) == (200, 2)
    assert plan.json()["total"] == dict.fromkeys(("trained_seconds", "elapsed_seconds", "cost", "currency")) | {
        "trials": 2
    }
    found = problem(client.post(ALL, json=body(), params={"dry_run": True}), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/space/learning_rate"]
    assert client.get(ALL).json()["total"] == 0
    answer = client.post(ALL, json=asked)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{ALL}/s"
    made = answer.json()
    assert (made["status"], made["trials"], made["all_trials"], made["best_value"]) == ("running", {}, [], None)
    assert made["request"]["space"]["epochs"]["choices"] == [1, 2]
    assert client.post(ALL, json=asked).json() == made
    problem(client.post(ALL, json=asked | {"most_trials": 1}), 409, "conflict")
    problem(client.post(ALL, json=asked | {"most_trials": 1}, params={"dry_run": True}), 409, "conflict")
    services.advance_studies.advance("s")
    (trial,) = running(services, "s")
    job = services.store.get(trial.job_id or "")
    services.store.change(job, JobStatus.RUNNING, message="on")
    problem(client.post(f"{ALL}/s/promote"), 409, "conflict")
    end(services, job.id, val_loss=0.5)
    services.advance_studies.advance("s")
    shown = client.get(f"{ALL}/s").json()
    assert (shown["best_trial"], shown["best_value"], shown["trials"]) == (1, 0.5, {"succeeded": 1, "running": 1})
    assert [each["job_id"] for each in shown["all_trials"]][:1] == [job.id]
    listed = client.get(ALL).json()
    assert listed["total"] == 1
    assert listed["studies"][0] == {name: shown[name] for name in listed["studies"][0]}
    promoted = client.post(f"{ALL}/s/promote", json={"trial": 1})
    assert (promoted.status_code, promoted.json()["model_name"]) == (201, "triage")
    assert promoted.headers["Location"].endswith(promoted.json()["id"])
    stopped = client.post(f"{ALL}/s/stop", json={"reason": "enough"}).json()
    assert (stopped["status"], stopped["why"].split(": ")[1]) == ("ending", "enough")
    problem(client.get(f"{ALL}/t"), 404, "not_found")


def test_what_its_trials_did_and_which_studies_are_listed(client: TestClient, services: Services) -> None:
    seen_study(services, "seen", sheet_id="small")
    seen_study(services, "other", sheet_id="elsewhere", status=StudyStatus.STOPPED, created_by="eve")
    shown = client.get(f"{ALL}/seen").json()
    assert (shown["best_trial"], shown["measure"], shown["is_higher_better"]) == (BEST, "val_loss", False)
    assert (shown["estimated_cost"], shown["cost"], shown["currency"], shown["hours"]) == (30.0, 50.0, "EUR", 8.0)
    assert [each["trial"] for each in shown["leaders"]] == [1, 2, 3, BEST]
    assert shown["leaders"][-1]["value"] == shown["best_value"]
    assert sum(shown["importances"].values()) == pytest.approx(1.0)
    assert shown["importances_reason"] == ""
    pruned = shown["all_trials"][6]
    assert (pruned["pruned_at"], pruned["steps"], pruned["planned_steps"], len(pruned["curve"])) == (2, 40, 80, 2)
    assert pruned["lowest_loss"] == min(pruned["curve"])
    assert shown["trained_seconds"] == sum(each["duration_seconds"] for each in shown["all_trials"])
    for query, names in (
        ({}, ["other", "seen"]),
        ({"training_sheet_id": "small"}, ["seen"]),
        ({"created_by": "eve"}, ["other"]),
        ({"status": ["stopped", "failed"]}, ["other"]),
        ({"status": "stopped", "created_by": "ada"}, []),
    ):
        listed = client.get(ALL, params=query).json()
        assert sorted(each["name"] for each in listed["studies"]) == names
    first = client.get(ALL, params={"page_size": 1}).json()
    seen_study(services, "third", sheet_id="small")  # while somebody turns the pages
    rest = client.get(ALL, params={"page_size": 1, "cursor": first["next_cursor"]}).json()
    both = [first["studies"][0]["name"], rest["studies"][0]["name"]]
    assert (sorted(both), rest["total"], rest["next_cursor"]) == (["other", "seen"], 3, None)
    second = client.get(ALL, params={"page": 2, "page_size": 2, "training_sheet_id": "small"}).json()
    assert (second["studies"], second["total"], second["page"], second["next_cursor"]) == ([], 2, 2, None)
    problem(client.get(ALL, params={"page": 1, "cursor": first["next_cursor"]}), 422, "invalid_request")
    problem(client.get(ALL, params={"cursor": "bm90IG9uZQ"}), 422, "invalid_request")
    facets = services.studies.facets()
    assert (facets.training_sheet_ids, facets.creators) == (("elsewhere", "small"), ("ada", "eve"))
    problem(client.get(ALL, params={"status": "odd"}), 422, "invalid_request")


def test_only_its_creator_or_an_admin_may_stop_it(settings: Settings, services: Services) -> None:
    with asking_client(settings, services) as client:
        ada, eve = bearer(services, "ada", Role.OPERATOR), bearer(services, "eve", Role.OPERATOR)
        asked = body(space={"epochs": {"choices": [1, 2]}})
        assert client.post(ALL, json=asked, headers=ada).status_code == 201
        for verb in ("stop", "promote"):
            found = problem(client.post(f"{ALL}/s/{verb}", headers=eve), 403, "not_your_job")
            assert found["detail"].startswith("Only ada or somebody with the role admin may ")
        assert client.post(f"{ALL}/s/stop", headers=bearer(services, "grace", Role.ADMIN)).status_code == 200
