"""Where versions are served: the URL of an endpoint, since and until. People record it, or a workspace says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from training_pipeline.databricks.workspace_pages import is_page
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, NotFound
from training_pipeline.training_jobs.store.jobs import JobStore

LONGEST: Final = 1000
_ADD: Final = text(
    "INSERT INTO model_endpoints (model_name, model_version, url, since, added_by)"
    " VALUES (:name, :version, :url, clock_timestamp(), :actor)"
    " ON CONFLICT (model_name, model_version, url) WHERE until IS NULL DO NOTHING"
)
_REMOVE: Final = text(
    "UPDATE model_endpoints SET until = clock_timestamp(), removed_by = :actor"
    " WHERE model_name = :name AND model_version = :version AND url = :url AND until IS NULL AND workspace IS NULL"
    " RETURNING id"
)
_KNOWN: Final = text(
    "SELECT url, since, until, added_by, removed_by, workspace FROM model_endpoints"
    " WHERE model_name = :name AND model_version = :version ORDER BY until DESC NULLS FIRST, since DESC, id DESC"
)
_LOOKED: Final = text("SELECT max(looked_at) FROM endpoint_looks")


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """An endpoint that serves a version, or has served it."""

    url: str
    since: datetime
    until: datetime | None
    #: Who recorded it; null where it was found in a workspace.
    added_by: str | None
    removed_by: str | None
    workspace: str | None


def add(store: JobStore, name: str, version: str, url: str, *, actor: str) -> None:
    """Record that an endpoint serves the version. Idempotent; raises `InvalidRequest` for what is no such URL."""
    _require_url(url)
    with store.begin() as connection:
        connection.execute(_ADD, {"name": name, "version": version, "url": url, "actor": actor})


def remove(store: JobStore, name: str, version: str, url: str, *, actor: str) -> None:
    """Record that an endpoint serves the version no more; raises `NotFound` where nobody recorded that it does.

    Raises `Conflict` for one that was found in a workspace: that alone says when it is over.
    """
    with store.begin() as connection:
        gone = connection.execute(_REMOVE, {"name": name, "version": version, "url": url, "actor": actor}).first()
    if gone is None:
        serving = [one for one in history(store, name, version) if one.until is None]
        found = next((one for one in serving if one.url == url), None)
        if found is not None:
            raise Conflict(
                f"That endpoint {url!r} serves version {version} of {name} was found in the workspace.",
                hint=f"Change what it serves in {found.workspace}; within a minute it is on record.",
            )
        known = [one.url for one in serving]
        said = f"Recorded: {', '.join(known)}." if known else "None is recorded."
        raise NotFound(f"No endpoint {url!r} is recorded to serve version {version} of {name}.", hint=said)


def history(store: JobStore, name: str, version: str) -> tuple[EndpointUse, ...]:
    """The endpoints of a version, those that serve it first. Reads only."""
    with store.begin() as connection:
        rows = connection.execute(_KNOWN, {"name": name, "version": version}).tuples()
        return tuple(EndpointUse(*row) for row in rows)


def looked_at(store: JobStore) -> datetime | None:
    """When a workspace said last what its endpoints serve; null where none ever did. Reads only."""
    with store.begin() as connection:
        found: datetime | None = connection.execute(_LOOKED).scalar_one()
        return found


def _require_url(url: str) -> None:
    if len(url) <= LONGEST and url.isprintable() and " " not in url and is_page(url):
        return
    message = f"must be an http or https URL of at most {LONGEST:,} characters, without name and password"
    raise InvalidRequest("The endpoint is invalid.", problems=[FieldProblem("/url", "url", message)])
