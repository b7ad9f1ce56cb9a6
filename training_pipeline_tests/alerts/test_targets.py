"""Where alerts go: real servers on the other end."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from training_pipeline.alerts.targets import (
    AlertTarget,
    LogTarget,
    MailTarget,
    SlackTarget,
    Undelivered,
    WebhookTarget,
    targets_of,
)
from training_pipeline.settings import Settings

ALERT: dict[str, Any] = {
    "key": "job:tj-1:failed",
    "kind": "failed",
    "message": "Training job tj-1 failed: max_length < 16 & more",
    "job_id": "tj-1",
    "links": {"training job": "http://page/train/jobs/tj-1"},
}


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Its address; it answers every request with these bytes and hangs up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/secret-token"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def web_server(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, and the bodies that were posted to it."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secret-token", bodies
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Its port, and everything that was said to it."""
    lines: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            data = False
            for raw in self.rfile:
                line = raw.decode().rstrip("\r\n")
                lines.append(line)
                if data:
                    if line == ".":
                        data = False
                        self.wfile.write(b"250 taken\r\n")
                    continue
                if line.upper() == "DATA":
                    data = True
                    self.wfile.write(b"354 go on\r\n")
                elif line.upper() == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 fine\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], lines
        finally:
            server.shutdown()
            thread.join()


def test_the_log_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "training_pipeline.alerts"):
        LogTarget().send(ALERT)
    assert [record.getMessage() for record in caplog.records] == [f"{ALERT['message']} [job:tj-1:failed]"]


def test_a_webhook_gets_the_alert_as_json() -> None:
    with web_server() as (url, bodies):
        WebhookTarget(SecretStr(url)).send(ALERT)
    assert bodies == [ALERT]


def test_slack_gets_a_text_with_links_and_nothing_that_it_would_read_as_markup() -> None:
    with web_server() as (url, bodies):
        SlackTarget(SecretStr(url)).send(ALERT)
    assert bodies == [
        {"text": "Training job tj-1 failed: max_length &lt; 16 &amp; more\n<http://page/train/jobs/tj-1|training job>"}
    ]


def test_what_a_webhook_refuses_is_said_without_its_address() -> None:
    with web_server(503) as (url, _), pytest.raises(Undelivered) as caught:
        WebhookTarget(SecretStr(url)).send(ALERT)
    assert str(caught.value) == "it answered 503"
    with pytest.raises(Undelivered) as caught:
        WebhookTarget(SecretStr("http://127.0.0.1:1/secret-token")).send(ALERT)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(WebhookTarget(SecretStr(url)))


def test_a_webhook_that_answers_no_http_has_not_accepted_the_alert() -> None:
    with raw_server(b"not http\r\n") as url, pytest.raises(Undelivered) as caught:
        WebhookTarget(SecretStr(url)).send(ALERT)
    assert str(caught.value) == "BadStatusLine"


def test_what_a_webhook_says_after_it_has_accepted_an_alert_changes_nothing() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") as url:
        WebhookTarget(SecretStr(url)).send(ALERT)


@pytest.mark.parametrize(
    "target",
    [
        WebhookTarget(SecretStr("http://h:se/cret@h/x")),
        SlackTarget(SecretStr("se cret")),
        MailTarget(SecretStr("smtp://me:s3/kr1t@h"), "a@x.org", ("b@x.org",)),
    ],
    ids=lambda target: target.name,
)
def test_an_address_that_is_none_is_not_quoted(target: AlertTarget) -> None:
    with pytest.raises(Undelivered) as caught:
        target.send(ALERT)
    assert str(caught.value) in {"InvalidURL", "ValueError"}


@pytest.mark.parametrize("field", ["alert_webhook_url", "alert_slack_url", "alert_smtp_url"])
@pytest.mark.parametrize(
    "address", ["", "h", "ftp://h", "{}://", "{}://me:s3/kr1t@h", "{}://h:99999", "{}://h/a b", "{}://h\n"]
)
def test_an_address_that_is_none_is_refused_by_the_settings(field: str, address: str, tmp_path: Path) -> None:
    scheme = "smtp" if "smtp" in field else "https"
    given = {field: address.format(scheme), "alert_email_from": "a@x.org", "alert_email_to": "b@x.org"}
    with pytest.raises(ValidationError, match=rf"{field}\n.*{scheme}://host") as caught:
        Settings.model_validate({"state_dir": tmp_path, **given})
    assert "kr1t" not in str(caught.value)


def test_a_webhook_has_no_password_and_a_mail_server_may(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="without a user"):
        Settings.model_validate({"state_dir": tmp_path, "alert_webhook_url": "https://me:pass@h/x"})
    mail = {"alert_smtp_url": "smtp://me:pa%2Fss@h:587", "alert_email_from": "a@x.org", "alert_email_to": "b@x.org"}
    assert len(targets_of(Settings.model_validate({"state_dir": tmp_path, **mail}))) == 2


def test_a_redirected_alert_is_not_delivered() -> None:
    with (
        web_server() as (page, bodies),
        raw_server(f"HTTP/1.1 302 Found\r\nLocation: {page}\r\n\r\n".encode()) as url,
        pytest.raises(Undelivered) as caught,
    ):
        WebhookTarget(SecretStr(url)).send(ALERT)
    assert str(caught.value) == "it answered 302"
    assert not bodies


def test_a_mail_says_it_all() -> None:
    with mail_server() as (port, lines):
        MailTarget(SecretStr(f"smtp://127.0.0.1:{port}"), "pipeline@example.org", ("a@x.org", "b@x.org")).send(ALERT)
    assert "Subject: [training_pipeline] failed: tj-1" in lines
    assert {f"rcpt TO:<{to}>" for to in ("a@x.org", "b@x.org")} <= set(lines)
    assert "training job: http://page/train/jobs/tj-1" in lines


def test_a_password_is_never_sent_without_encryption() -> None:
    with mail_server() as (port, lines), pytest.raises(Undelivered, match="no encryption"):
        MailTarget(SecretStr(f"smtp://me:pass@127.0.0.1:{port}"), "a@x.org", ("b@x.org",)).send(ALERT)
    assert not [line for line in lines if line.startswith("AUTH")]


def test_the_targets_are_those_that_are_configured(tmp_path: Path) -> None:
    assert [target.name for target in targets_of(Settings(state_dir=tmp_path))] == ["log"]
    configured = Settings(
        state_dir=tmp_path,
        alert_webhook_url=SecretStr("http://a"),
        alert_slack_url=SecretStr("http://b"),
        alert_smtp_url=SecretStr("smtp://c"),
        alert_email_from="a@x.org",
        alert_email_to="b@x.org, c@x.org",
    )
    targets = targets_of(configured)
    assert [target.name for target in targets] == ["log", "webhook", "slack", "mail"]
    assert isinstance(targets[3], MailTarget)
    assert targets[3].receivers == ("b@x.org", "c@x.org")


def test_half_a_mail_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="ALERT_EMAIL_FROM, TRAINING_PIPELINE_ALERT_EMAIL_TO"):
        Settings(state_dir=tmp_path, alert_smtp_url=SecretStr("smtp://c"))
