from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from training_pipeline.databricks.presigned import StorageFailed, fetch


class Storage(HTTPServer):
    """Answers `/here` with a body, and sends whoever asks for anything else there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Storage)
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(200 if self.path == "/here" else 302)
        self.send_header("Location", "/here")
        self.end_headers()
        self.wfile.write(b"rows")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_lies_there_is_fetched_without_a_login(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert fetch(f"http://127.0.0.1:{storage.server_port}/here", {}, timeout=5) == b"rows"
    assert storage.asked == [("/here", None)]


def test_no_redirect_is_followed(storage: Storage) -> None:
    with pytest.raises(StorageFailed, match=r"^status 302$"):
        fetch(f"http://127.0.0.1:{storage.server_port}/secret", {"x-key": "secret"}, timeout=5)
    assert [path for path, _ in storage.asked] == ["/secret"]


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/secret", "secret", "http://[secret"])
def test_a_link_that_leads_nowhere_is_not_quoted(link: str) -> None:
    with pytest.raises(StorageFailed) as caught:
        fetch(link, {}, timeout=5)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None
