from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.app.limits import imports_of
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.bearers import asking_client, bearer
from training_pipeline.testing.servers.served_api import served
from training_pipeline.uploads.origin import Origin
from training_pipeline.uploads.staging import Upload
from training_pipeline_tests.api.test_problems import problem
from training_pipeline_tests.uploads.test_imports import HEAD, ROWS

SHEETS = f"{API}/training-sheets"
CSV = (HEAD + "".join(ROWS)).encode()
STATED: dict[str, Any] = {
    "id": "desks",
    "mapping": {
        "columns": {"answer": ["reply"], "allowed_uses": ["ok_for_training"], "reviewed_by": ["approved_by"]},
        "values": {"allowed_uses": {"yes": ["training", "validation"], "no": []}},
    },
    "status": "labeled",
    "prohibit": ["none"],
    "classification": "internal",
    "source": {"id": "cases"},
    "template": {"id": "desk"},
}


def parts(content: bytes | None, name: str = "desks.csv", **stated: Any) -> dict[str, Any]:
    asked = {key: value for key, value in {**STATED, **stated}.items() if value is not None}
    request = {"request": (None, json.dumps(asked), "application/json")}
    return request if content is None else {**request, "file": (name, content, "text/csv")}


def staged(settings: Settings) -> list[Path]:
    return list(settings.uploads.iterdir()) if settings.uploads.is_dir() else []


def test_from_a_dry_run_to_a_sheet_with_its_pairs(client: TestClient, settings: Settings) -> None:
    dry = client.post(SHEETS, params={"dry_run": True}, files=parts(CSV, status=None))
    assert dry.status_code == 200, dry.text
    found = dry.json()
    assert (found["kind"], found["format"], found["rows"], found["is_ready"]) == ("CSV", "columns", 12, False)
    assert [(one["pointer"], one["code"]) for one in found["open_questions"]] == [("/status", "not_stated")]
    again = client.post(SHEETS, params={"dry_run": True}, files=parts(None, upload_id=found["upload_id"])).json()
    assert (again["is_ready"], again["gates"]["eligible"], again["upload_id"]) == (True, 9, found["upload_id"])
    assert list(settings.plans.iterdir())  # what the reader compiled is there for the next
    assert len(staged(settings)) == 1
    made = client.post(SHEETS, files=parts(None, upload_id=found["upload_id"]))
    assert (made.status_code, made.headers["location"]) == (201, f"{SHEETS}/desks")
    assert made.json()["status"] == "review"
    assert staged(settings) == []
    problem(client.post(SHEETS, files=parts(CSV)), 409, "conflict")
    assert staged(settings) == []
    page = client.get(f"{SHEETS}/desks/pairs", params={"page_size": 5, "verdict": "eligible"}).json()
    assert (page["total"], len(page["pairs"]), page["digest"]) == (9, 5, made.json()["digest"])
    rest = client.get(f"{SHEETS}/desks/pairs", params={"verdict": "eligible", "cursor": page["next_cursor"]}).json()
    assert (len(rest["pairs"]), rest["next_cursor"]) == (4, None)
    assert {pair["reviewed_by"] for pair in (*page["pairs"], *rest["pairs"])} == {"grace"}
    problem(client.get(f"{SHEETS}/desks/pairs", params={"cursor": "x"}), 422, "invalid_request")


def test_an_operators_sheet_waits_for_a_steward(settings: Settings, services: Services) -> None:
    with asking_client(settings, services) as client:
        ada, eve = bearer(services, "ada", Role.OPERATOR), bearer(services, "eve", Role.OPERATOR)
        refused = client.post(SHEETS, files=parts(CSV, sheet_status="approved"), headers=ada)
        assert "steward" in problem(refused, 403, "forbidden")["hint"]
        kept = client.post(SHEETS, params={"dry_run": True}, files=parts(CSV), headers=ada).json()["upload_id"]
        problem(client.post(SHEETS, files=parts(None, upload_id=kept), headers=eve), 404, "not_found")
        made = client.post(SHEETS, files=parts(CSV), headers=ada).json()
        body = {"digest": made["digest"]}
        problem(client.post(f"{SHEETS}/desks/approve", json=body, headers=ada), 403, "forbidden")
        sam = bearer(services, "sam", Role.STEWARD)
        problem(client.post(f"{SHEETS}/desks/approve", json={"digest": "0" * 64}, headers=sam), 409, "conflict")
        approved = client.post(f"{SHEETS}/desks/approve", json=body, headers=sam).json()
        assert (approved["status"], approved["trainable"]) == ("approved", True)
        assert (approved["metadata"]["imported_by"], approved["metadata"]["approved_by"]) == ("ada", "sam")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"file": ("a.csv", CSV)}, "missing"),
        (parts(None), "missing"),
        (parts(CSV, upload_id="up-" + "0" * 32), "twice"),
        ({**parts(CSV), "other": (None, "x")}, "unexpected_part"),
        (parts(CSV, id="../x"), "string_pattern_mismatch"),
        (parts(CSV, mapping={"columns": {"nonsense": ["a"]}}), "value_error"),
        ({"request": (None, "{", "application/json")}, "json_invalid"),
    ],
)
def test_what_is_wrong_with_an_upload(client: TestClient, settings: Settings, files: Any, code: str) -> None:
    found = problem(client.post(SHEETS, files=files), 422, "invalid_request")
    assert code in [one["code"] for one in found["errors"]]
    assert staged(settings) == []


def test_limits_are_told(settings: Settings, services: Services) -> None:
    small = settings.model_copy(update={"upload_max_bytes": 2000, "upload_max_rows": 5})
    object.__setattr__(services, "imports", imports_of(small))
    with TestClient(create_app(small, services)) as client:
        answer = client.post(SHEETS, files=parts(b"x" * 3000))
        assert "larger than 2,000 bytes" in problem(answer, 413, "upload_too_large")["detail"]
        many = problem(client.post(SHEETS, files=parts(CSV)), 422, "sheet_unreadable")
        assert [one["code"] for one in many["errors"]] == ["too_many_rows"]
        with ExitStack() as turns:
            for number in range(small.uploads_at_once):
                turns.enter_context(services.imports.uploads.turn(f"person-{number}"))
            problem(client.post(SHEETS, files=parts(CSV)), 503, "too_many_uploads")
    assert staged(small) == []


def test_a_hundred_at_once_and_a_connection_that_breaks_off(settings: Settings, services: Services) -> None:
    with served(create_app(settings, services)) as app:

        def send(number: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
            body = (
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF'
                + str(number).encode()
                + b'\r\n--b\r\nContent-Disposition: form-data; name="request"\r\n\r\nno json\r\n--b--\r\n'
            )
            try:
                connection.request("POST", SHEETS, body, {"Content-Type": "multipart/form-data; boundary=b"})
                return connection.getresponse().status
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(send, range(100))) <= {422, 503}
        with socket.create_connection(("127.0.0.1", app.port)) as broken:
            head = f"POST {SHEETS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n"
            head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            head += 'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nquestion'
            broken.sendall(head.encode())
            until(lambda: staged(settings), seconds=120, what="the beginning of an upload")
        until(lambda: not staged(settings), seconds=120, what="the end of what broke off")


def test_what_nobody_made_a_sheet_of_is_swept_when_the_service_starts(settings: Settings, services: Services) -> None:
    with services.imports.uploads.receive("ada", "a.csv") as receiving:
        receiving.write(b"x")
    before = time.time() - 3700
    os.utime(receiving.upload.folder / "upload.json", (before, before))
    with TestClient(create_app(settings, services)):
        until(lambda: not staged(settings), seconds=120, what="the sweep")


def test_a_sweep_that_fails_is_logged_and_done_again(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept = threading.Event()

    def sweep() -> None:
        if "not deleted" in caplog.text:
            swept.set()
        else:
            raise ValueError("unforeseen")

    monkeypatch.setattr(services.imports.uploads, "sweep", sweep)
    monkeypatch.setattr("training_pipeline.api.app.SWEEP_SECONDS", 0.0)
    with TestClient(create_app(settings, services)):
        assert swept.wait(60)


def test_a_url_is_fetched_only_where_the_settings_allow_it(client: TestClient, settings: Settings) -> None:
    url = "s3://acme/in/desks.csv"
    refused = problem(client.post(SHEETS, files=parts(None, url=url)), 422, "invalid_request")
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/url", "not_allowed")]
    for other in ("file:///etc/passwd", "http://169.254.169.254/latest", "s3://acme/in/../out"):
        wrong = problem(
            client.post(SHEETS, params={"dry_run": True}, files=parts(None, url=other)), 422, "invalid_request"
        )
        assert [(one["pointer"], one["code"]) for one in wrong["errors"]] == [("/url", "invalid")]
    for body in (parts(CSV, url=url), parts(None, url=url, upload_id="up-" + "0" * 32)):
        assert problem(client.post(SHEETS, files=body), 422, "invalid_request")["errors"][0]["code"] == "twice"
    assert staged(settings) == []


@pytest.mark.nightly  # the processes that read what was fetched are those of uploads
def test_what_was_fetched_becomes_a_sheet_that_says_where_it_is_from(
    client: TestClient, settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://acme/in/desks.csv"

    def fetch(owner: str, asked: str, *, version: str | None) -> Upload:
        with services.imports.uploads.receive(owner, "desks.csv") as receiving:
            receiving.write(CSV)
            origin = Origin(url=asked, kind="file", version=version or "e", etag="e", bytes=len(CSV), fetched_at="now")
            receiving.fetched(origin)
        return services.imports.uploads.get(receiving.upload.id, owner)

    monkeypatch.setattr(services.imports.fetching, "fetch", fetch)
    found = client.post(SHEETS, params={"dry_run": True}, files=parts(None, url=url)).json()
    assert (found["origin"]["url"], found["origin"]["version"], found["is_ready"]) == (url, "e", True)
    made = client.post(SHEETS, files=parts(None, upload_id=found["upload_id"])).json()
    assert (made["source_sheet"]["version"], made["metadata"]["imported_from_url"]) == ("e", url)
    problem(client.post(SHEETS, files=parts(None, url=url)), 409, "conflict")
    assert staged(settings) == []
