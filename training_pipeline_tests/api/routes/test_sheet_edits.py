from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.databricks.statements import Statements
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.access import Role
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.settings import Settings
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.servers.bearers import asking_client, bearer
from training_pipeline.testing.sheets.imports import import_rows
from training_pipeline_tests.api.test_problems import problem

SHEETS = f"{API}/training-sheets"


@pytest.fixture
def desks(services: Services, settings: Settings) -> str:
    """The digest of a sheet `desks` of twelve unlabeled pairs."""
    rows = [{"question": f"Which desk takes case {number}?", "answer": f"desk {number}"} for number in range(12)]
    import_rows(settings.state_dir, rows, into=settings.sheets, id="desks", status="unlabeled")
    digest = services.sheet_edits.digest("desks")
    assert digest is not None
    return digest


def patched(client: TestClient, digest: str, pair_ids: list[str], **values: Any) -> Any:
    sent = {"digest": digest, "pair_ids": pair_ids, **values}
    return client.patch(f"{SHEETS}/desks/pairs", json=sent)


def test_pairs_are_edited_undone_and_told_of(client: TestClient, desks: str) -> None:
    ids = ["desks-000001", "desks-000002"]
    answer = patched(client, desks, ids, status="labeled")
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["pairs"], made["state"], made["old_digest"]) == (2, "applied", desks)
    listed = client.get(f"{SHEETS}/desks/pairs", params={"status": "labeled"}).json()
    assert ([pair["pair_id"] for pair in listed["pairs"]], listed["digest"]) == (ids, made["new_digest"])

    refused = problem(patched(client, desks, ids[:1], status="rejected"), 409, "conflict")
    assert "status unlabeled to labeled" in refused["errors"][0]["detail"]
    wrong = problem(patched(client, desks, ["x"], answer="", allowed_uses=["flying"]), 422, "invalid_request")
    assert [one["pointer"] for one in wrong["errors"]] == ["/allowed_uses/0"]
    problem(patched(client, desks, ["a\0"], status="rejected"), 422, "invalid_request")
    problem(client.patch(f"{SHEETS}/nobody/pairs", json={"digest": desks, "pair_ids": ["x"]}), 404, "not_found")

    log = client.get(f"{SHEETS}/desks/edits").json()
    assert (log["is_editable"], log["digest"], log["total"]) == (True, made["new_digest"], 1)
    assert log["edits"] == [made]
    assert made["edited"][0]["changed"] == "status unlabeled to labeled"
    undo = f"{SHEETS}/desks/edits/{made['number']}/undo"
    undone = client.post(undo, json={"digest": made["new_digest"]})
    assert (undone.status_code, undone.json()["undoes"]) == (200, made["number"])
    problem(client.post(undo, json={"digest": undone.json()["new_digest"]}), 409, "conflict")
    of_pair = client.get(f"{SHEETS}/desks/edits", params={"pair_id": ids[1], "page_size": 1}).json()
    assert (of_pair["total"], len(of_pair["edits"][0]["edited"]), of_pair["edits"][0]["undone_by"]) == (2, 1, None)
    rest = {"pair_id": ids[1], "cursor": of_pair["next_cursor"]}
    older = client.get(f"{SHEETS}/desks/edits", params=rest).json()
    assert (older["edits"][0]["undone_by"], older["next_cursor"]) == (undone.json()["number"], None)


def test_a_sheet_of_somebody_else_is_read_only(client: TestClient) -> None:
    found = client.get(f"{SHEETS}/small/edits").json()
    assert (found["is_editable"], found["digest"], found["edits"], found["edit_at"]) == (False, None, [], None)
    assert "small.jsonl" in found["not_editable_because"]
    body = {"digest": "0" * 64, "pair_ids": ["p-0001"], "status": "rejected"}
    assert "small.jsonl" in problem(client.patch(f"{SHEETS}/small/pairs", json=body), 409, "conflict")["detail"]


def test_stewards_edit_and_everybody_reads_the_log(settings: Settings, services: Services, desks: str) -> None:
    body = {"digest": desks, "pair_ids": ["desks-000003"], "status": "flagged", "usage_reason": "asks for a name"}
    with asking_client(settings, services) as client:
        for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
            headers = bearer(services, f"no-{role}", role)
            problem(client.patch(f"{SHEETS}/desks/pairs", json=body, headers=headers), 403, "forbidden")
        sam = bearer(services, "sam", Role.STEWARD)
        assert client.patch(f"{SHEETS}/desks/pairs", json=body, headers=sam).status_code == 200
        (edit,) = client.get(f"{SHEETS}/desks/edits", headers=bearer(services, "eve", Role.VIEWER)).json()["edits"]
        after = edit["edited"][0]["after"]
        assert (edit["actor"], after["reviewed_by"], after["constraints_set_by"]) == ("sam", "sam", "sam")


def test_pairs_in_a_table_are_edited_there(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnityCatalogSheets, "get", lambda self, sheet_id: None)
    there = Connection(1, 1, {"host": "https://127.0.0.1:9/", "token": "t"})
    statements = Statements(there, "warehouse", 1.0)
    tables = UnityCatalogSheets(there, statements, "main.sheets.sheets", "main.my sheets.pairs", {}, {})
    object.__setattr__(services, "source", tables)
    object.__setattr__(services, "sheet_edits", SheetEdits(services.sheet_edits.log, None))
    object.__setattr__(
        services, "settings", services.settings.model_copy(update={"uc_pairs_table": "main.my sheets.pairs"})
    )
    found = client.get(f"{SHEETS}/small/edits").json()
    assert found["edit_at"] == "https://127.0.0.1:9/explore/data/main/my%20sheets/pairs"
    assert (found["is_editable"], "Unity Catalog" in found["not_editable_because"]) == (False, True)


def test_a_sheet_in_a_file_of_others_is_taken_over_and_edited(client: TestClient, services: Services) -> None:
    log = client.get(f"{SHEETS}/small/edits").json()
    assert (log["is_editable"], log["may_be_taken_over"], log["digest"]) == (False, True, None)
    seen = client.get(f"{SHEETS}/small").json()
    take_over = f"{SHEETS}/small/take-over"
    problem(client.post(take_over, json={"digest": "0" * 64}), 409, "conflict")
    problem(client.post(f"{SHEETS}/nobody/take-over", json={"digest": seen["digest"]}), 404, "not_found")
    sample = problem(client.post(f"{SHEETS}/sheet-123/take-over", json={"digest": seen["digest"]}), 409, "conflict")
    assert "comes with the program" in sample["detail"]
    taken = client.post(take_over, json={"digest": seen["digest"]}).json()
    assert taken["export_summary"] == seen["export_summary"]
    assert taken["metadata"]["taken_over_from"] == "small.jsonl"
    again = client.post(take_over, json={"digest": taken["digest"]}).json()
    assert again["digest"] == taken["digest"]
    log = client.get(f"{SHEETS}/small/edits").json()
    assert (log["is_editable"], log["may_be_taken_over"], log["digest"]) == (True, False, taken["digest"])
    sent = {"digest": taken["digest"], "pair_ids": ["p-0001"], "status": "rejected"}
    edited = client.patch(f"{SHEETS}/small/pairs", json=sent).json()
    assert (edited["state"], edited["actor"]) == ("applied", services.settings.local_user)
