"""`/api/2.0/mlflow/*`, passed on to a real MLflow server; experiments are named as a workspace names them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import requests
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import Workspace

PREFIX: Final = "/api/2.0/mlflow/"
START_SECONDS: Final = 120.0


class MlflowServer:
    """The server behind the proxy; started when it is first asked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._shared: MlflowServer | None = None

    def share(self, other: MlflowServer) -> None:
        """Use the process of another one, instead of one of its own."""
        self._shared = other

    def ask(self, method: str, path: str, *, query: str = "", body: bytes = b"") -> requests.Response:
        """The answer to one call; `path` is that behind `/api/2.0/mlflow/`."""
        url = f"{self._url()}{PREFIX}{path}" + (f"?{query}" if query else "")
        headers = {"content-type": "application/json"} if body else {}
        return self._session.request(method, url, data=body or None, headers=headers, timeout=60)

    def json(self, method: str, path: str, *, query: str = "", body: bytes = b"") -> Any:
        """The body of an answer that must be well."""
        answer = self.ask(method, path, query=query, body=body)
        answer.raise_for_status()
        return answer.json()

    def start(self) -> None:
        """Start the process and return at once."""
        if self._process is None:
            (self._directory / "port").unlink(missing_ok=True)
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.mlflow_server", str(self._directory)],
                    stdout=log,
                    stderr=log,
                )

    def _url(self) -> str:
        if self._shared is not None:
            return self._shared._url()
        self.start()
        assert self._process is not None
        port, deadline = self._directory / "port", time.monotonic() + START_SECONDS
        while not port.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MLflow does not start:\n{(self._directory / 'log').read_text()}")
            time.sleep(0.02)
        return f"http://127.0.0.1:{port.read_text()}"

    def close(self) -> None:
        """Stop the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
        self._session.close()


def server(workspace: Workspace) -> MlflowServer:
    """The workspace's MLflow."""
    if "mlflow" not in workspace.parts:
        workspace.parts["mlflow"] = MlflowServer(workspace.root / ".mlflow")
    part = workspace.parts["mlflow"]
    assert isinstance(part, MlflowServer)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """One route for each call, so that each has a name; the answers are MLflow's own."""
    behind = server(workspace)

    async def pass_on(request: Request) -> Response:
        path = request.url.path.removeprefix(PREFIX)
        body = await request.body()
        answer = await run_in_threadpool(behind.ask, request.method, path, query=request.url.query, body=body)
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    calls = {
        "GET": ["experiments/get", "experiments/get-by-name", "runs/get", "metrics/get-history", "experiments/list"],
        "POST": [
            "experiments/create",
            "experiments/search",
            "runs/create",
            "runs/update",
            "runs/search",
            "runs/log-batch",
            "runs/log-metric",
            "runs/log-parameter",
            "runs/set-tag",
            "experiments/set-experiment-tag",
        ],
    }
    return [
        Route(PREFIX + path, pass_on, methods=[method], name=f"mlflow/{path}")
        for method, paths in calls.items()
        for path in paths
    ]
