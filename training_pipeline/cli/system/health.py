"""Health checks of Dagster's webserver and daemon and of the REST API, and of their ports."""

from __future__ import annotations

import errno
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.settings.prefix import PREFIX

_LOCATIONS: Final = """{ workspaceOrError { ... on Workspace { locationEntries {
  name loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
_HEARTBEAT: Final = text("SELECT 1 FROM daemon_heartbeats WHERE daemon_type = 'SENSOR' AND timestamp >= :since")


def require_free_port(host: str, port: int, *, setting: str = "WEBSERVER") -> None:
    """Raises `Conflict` if another program listens there, `PipelineError` if the address is not this machine's."""
    variables = f"{PREFIX}{setting}_HOST and {PREFIX}{setting}_PORT"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed a moment ago is free
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"Port {port} on {host} is in use by another program.",
                hint=f"Stop that program, or choose another port with `--port` or {PREFIX}{setting}_PORT.",
            ) from None
        raise PipelineError(f"Nothing can listen on {host}:{port}: {error}.", hint=f"Check {variables}.") from None


def check(
    webservers: Sequence[str], api: str, dagster_database: str, *, probe: str, since: datetime
) -> Callable[[], bool]:
    """A function that tells whether webservers and API answer and the daemon's heart has beaten since then.

    `probe` is the secret by which the webservers let it look. Once one answers, it raises `PipelineError` if Dagster
    could not load our definitions.
    """
    engine = create_engine(dagster_database, poolclass=NullPool)
    beaten = {"since": since.astimezone(UTC).replace(tzinfo=None)}

    def healthy() -> bool:
        if not all(_loaded(webserver, probe) for webserver in webservers) or not _answers(f"{api}/healthz"):
            return False
        try:
            with engine.connect() as connection:
                return connection.execute(_HEARTBEAT, beaten).first() is not None
        except OperationalError:  # restarting; whether it comes back is watched elsewhere
            return False

    return healthy


def _loaded(webserver: str, probe: str) -> bool:
    request = urllib.request.Request(  # noqa: S310 - our own webserver's address
        f"{webserver}/graphql",
        data=json.dumps({"query": _LOCATIONS}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {probe}"},
    )
    try:
        with _direct().open(request, timeout=5) as answer:
            entries: list[dict[str, Any]] = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    for entry in entries:
        found = entry["locationOrLoadError"] or {}
        if found.get("__typename") == "PythonError":
            raise PipelineError(f"Dagster cannot load {entry['name']}: {found['message'].strip()}")
    return all(entry["loadStatus"] == "LOADED" for entry in entries)


def _answers(address: str) -> bool:
    try:
        with _direct().open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _direct() -> urllib.request.OpenerDirector:
    """Opens addresses of this machine without asking a proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
