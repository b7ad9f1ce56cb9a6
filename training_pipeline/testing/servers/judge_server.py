"""A judge for tests: an OpenAI-compatible endpoint on this machine that behaves as it is told, also badly."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

#: What it calls itself.
MODEL: Final = "stand-in-judge-7b"


class JudgeServer(ThreadingHTTPServer):
    """`behaviour` may be changed at any time; `asked` has the bodies of all requests, `headers` what came with them.

    good, slow, drip (a byte now and then), error, busy (only the first time), redirect, key, unknown, nonsense, quotes
    (says what the answer says), huge, packed, closes.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = "good"
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What a judge's `url` is to be."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: Any) -> None:
        """Whoever hangs up is no error here."""


@contextmanager
def judge_server(behaviour: str = "good") -> Iterator[JudgeServer]:
    """Such a server, for as long as the context is open."""
    server = JudgeServer()
    server.behaviour = behaviour
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.asked.append(body)
            server.headers.append(dict(self.headers))
            server.paths.append(self.path)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            first = len(server.asked) == 1
        try:
            self._answer(server.behaviour, body, first)
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, behaviour: str, body: dict[str, Any], first: bool) -> None:
        data = json.loads(body["messages"][1]["content"])
        if behaviour == "slow":
            time.sleep(1.0)
        elif behaviour == "closes":
            self.close_connection = True
            return
        statuses = {"error": 500, "redirect": 307, "key": 401, "unknown": 404, "refuses": 400}
        if (status := statuses.get(behaviour, 429 if behaviour == "busy" and first else 200)) != 200:
            self._send(b'{"error": {"message": "no"}}', status, {"Location": f"{self.server.url}/elsewhere"})
        elif behaviour == "drip":
            self._head(200, {"Content-Length": "100000"})
            for _ in range(40):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        elif behaviour == "huge":
            self._send(b"[" + b" " * (1 << 20) + b"]", 200)
        elif behaviour == "packed":
            self._send(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"})
        elif behaviour == "nonsense":
            self._send(b'{"choices": [{"message": {"content": "It is right, I think."}}]}', 200)
        else:
            time.sleep(0.01)
            self._send(self._said(behaviour, body["messages"][0]["content"], data), 200)

    def _said(self, behaviour: str, told: str, data: dict[str, Any]) -> bytes:
        (key,) = set(re.findall(r'"key": "([0-9a-f]+)"', told))
        word = "right" if data["reference"].strip() == data["answer"].strip() else "wrong"
        content = data["answer"] if behaviour == "quotes" else json.dumps({"key": key, "verdict": word})
        return json.dumps({"model": MODEL, "choices": [{"message": {"content": content}}]}).encode()

    def _send(self, body: bytes, status: int, headers: dict[str, str] | None = None) -> None:
        self._head(status, {"Content-Length": str(len(body)), "Content-Type": "application/json", **(headers or {})})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
