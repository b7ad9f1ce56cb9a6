"""Whatever a service does, a person reads what it is and what to do. Never a traceback, never the token."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from training_pipeline.client.remote import RemoteClient
from training_pipeline.domain.errors import InvalidRequest, PipelineError, Unavailable
from training_pipeline.schemas.problem import MEDIA_TYPE
from training_pipeline.testing.jobs.api_answers import TOKEN, URL, job, service
from training_pipeline.testing.system.command_line import Command

Handler = Callable[[httpx2.Request], httpx2.Response]


def error_of(handler: Handler) -> PipelineError:
    with service(handler) as http, pytest.raises(PipelineError) as caught:
        RemoteClient(http).get("tj-1")
    assert TOKEN not in str(caught.value)
    return caught.value


def problem(status: int, code: str, detail: str, **more: Any) -> Handler:
    document = {
        "type": "urn:x",
        "title": "x",
        "status": status,
        "detail": detail,
        "instance": "/",
        "code": code,
        **more,
    }
    answer = httpx2.Response(status, content=json.dumps(document), headers={"Content-Type": MEDIA_TYPE})
    return lambda _: answer


def page(status: int, **headers: str) -> Handler:
    return lambda _: httpx2.Response(status, text="<html>Welcome", headers={"Content-Type": "text/html", **headers})


def raising(error: Exception) -> Handler:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise error

    return handler


def test_a_problem_document_is_said_in_full() -> None:
    fields = [
        {"pointer": "/training_config/epochs", "location": "body", "code": "x", "detail": "too many (got 99)"},
        {"pointer": "/page_size", "location": "query", "code": "x", "detail": "too large"},
    ]
    error = error_of(problem(422, "invalid_request", "No.", hint="Do this.", errors=fields, request_id="req-1"))
    lines = ["No.", "  /training_config/epochs: too many (got 99)", "  query /page_size: too large", "Do this."]
    assert str(error).split("\n") == [*lines, "Request id: req-1"]
    assert error.code == "invalid_request"


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (problem(401, "unauthenticated", "Who is there?"), ["Who is there?", "TRAINING_PIPELINE_TOKEN"]),
        (problem(401, "token_expired", "It has expired.", hint="Ask ada."), ["It has expired.", "Ask ada."]),
        (problem(403, "forbidden", "This requires the role operator."), ["the role operator", "Ask the administrator"]),
        (problem(404, "no_such_path", "Nothing."), [URL, "another release", "Install the release"]),
        (problem(429, "too_many", "Slower."), ["Slower."]),
        (problem(503, "unavailable", "Not now."), ["Not now."]),
        (page(200), [URL, "200", "text/html", "not the REST API"]),
        (page(404), ["404", "text/html", "Check the URL"]),
        (page(407), ["407", "a proxy in front of"]),
        (page(401), ["401", "a proxy in front of"]),
        (page(502), ["502", "a service that is down"]),
        (page(302, Location=f"https://login?next={TOKEN}"), ["302", "redirects"]),
        (lambda _: httpx2.Response(500, content=b"{}", headers={"Content-Type": MEDIA_TYPE}), ["500"]),
        (raising(httpx2.ConnectTimeout("t")), ["connecting timed out"]),
        (raising(httpx2.ReadTimeout("t")), ["in time", "may still be carried out"]),
        (raising(httpx2.ProxyError("t")), ["The proxy cannot reach", "NO_PROXY"]),
        (raising(httpx2.ReadError("t")), ["was lost"]),
        (raising(httpx2.RemoteProtocolError("t")), ["closed the connection"]),
        (raising(httpx2.DecodingError("t")), ["closed the connection"]),
        (raising(httpx2.ConnectError("t")), ["cannot be reached", "training-pipeline serve"]),
    ],
)
def test_every_failure_is_a_sentence_and_an_advice(handler: Handler, said: list[str]) -> None:
    error = str(error_of(handler))
    assert [word for word in said if word not in error] == []
    assert "Welcome" not in error


def test_an_untrusted_certificate_is_named() -> None:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "self-signed certificate"
    error = httpx2.ConnectError("x")
    error.__cause__ = cause
    said = str(error_of(raising(error)))
    assert all(word in said for word in ("self-signed certificate", "SSL_CERT_FILE"))


def test_an_answer_of_another_version_names_both_versions() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/openapi.json":
            return httpx2.Response(200, json={"info": {"version": "9.9.9"}})
        return httpx2.Response(200, json={**job().model_dump(mode="json"), "status": "paused", "attempt": TOKEN})

    said = str(error_of(handler))
    assert all(word in said for word in ("9.9.9", "/status", "/attempt", "Install the release"))
    more = httpx2.Response(200, json={**job().model_dump(mode="json"), "a_field_of_tomorrow": 1})
    with service(lambda _: more) as http:
        assert RemoteClient(http).get("tj-1").id == "tj-1"


def test_a_lost_answer_to_a_creation_can_be_asked_for_again() -> None:
    asked: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        raise httpx2.ReadTimeout("t")

    with service(handler) as http, pytest.raises(Unavailable) as caught:
        RemoteClient(http).create({"training_sheet_id": "small"})
    key = asked[0].headers["Idempotency-Key"]
    assert f"--idempotency-key {key}" in caught.value.hint
    with service(handler) as http, pytest.raises(Unavailable):
        RemoteClient(http).create({"training_sheet_id": "small"}, idempotency_key="mine")
    assert asked[1].headers["Idempotency-Key"] == "mine"
    assert asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


BUSY = ("too_many_creates", "time_limit", "too_many_requests", "idempotency_key_in_use")


def busy(code: str, **headers: str) -> httpx2.Response:
    """What a service says that has no time for a request."""
    status = {"too_many_requests": 429, "idempotency_key_in_use": 409}.get(code, 503)
    answer = problem(status, code, "busy")(httpx2.Request("POST", URL))
    answer.headers.update({"Retry-After": "2"} | headers)
    return answer


def test_a_busy_service_is_asked_again_for_the_same_job_when_it_says() -> None:
    asked: list[httpx2.Request] = []
    pauses: list[float] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        if len(asked) <= len(BUSY):
            return busy(BUSY[len(asked) - 1])
        made = {"Content-Type": "application/json"}
        return httpx2.Response(201, content=job().model_dump_json(), headers=made)

    with service(handler, sleep=pauses.append) as http:
        assert RemoteClient(http).create({"training_sheet_id": "small"}).job.id == "tj-1"
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1
    assert len(asked) == len(BUSY) + 1
    assert all(2 <= pause <= 3 for pause in pauses)


def test_a_service_that_stays_busy_is_given_up() -> None:
    asked, pauses = [], list[float]()

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return busy("too_many_creates", **{"Retry-After": "100"})

    with service(handler, sleep=pauses.append) as http, pytest.raises(Unavailable, match="busy"):
        RemoteClient(http).create({"training_sheet_id": "small"})
    assert (len(asked), len(pauses)) == (4, 3)


@pytest.mark.parametrize(
    "answer", [busy("unavailable"), busy("invalid_request"), busy("too_many_creates", **{"Retry-After": "soon"})]
)
def test_nothing_else_is_asked_again(answer: httpx2.Response) -> None:
    pauses: list[float] = []
    with service(lambda _: answer, sleep=pauses.append) as http, pytest.raises(PipelineError):
        RemoteClient(http).create({"training_sheet_id": "small"})
    assert pauses == []


def test_a_number_that_json_has_no_word_for_is_named_and_never_sent() -> None:
    asked: list[httpx2.Request] = []
    body = {
        "training_sheet_id": "small",
        "training_config": {"learning_rate": float("nan"), "epochs": [1, float("inf")]},
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return busy("")

    with service(answer) as http, pytest.raises(InvalidRequest) as caught:
        RemoteClient(http).create(body)
    assert [problem.pointer for problem in caught.value.problems] == [
        "/training_config/learning_rate",
        "/training_config/epochs/1",
    ]
    assert asked == []


def test_nobody_listens_there(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        address = f"http://127.0.0.1:{closing.getsockname()[1]}"
    for name in ("list", "create x", "watch tj-1", "metrics tj-1 --csv"):
        code, _, err = command("jobs", *name.split(), "--url", address, "--token", TOKEN)
        assert (code, "Connection refused" in err, "Traceback" in err, TOKEN in err) == (1, True, False, False)


def test_a_port_that_speaks_no_tls(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        code, _, err = command("jobs", "list", "--url", f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    assert (code, "does not speak TLS" in err, "Traceback" in err) == (1, True, False)
