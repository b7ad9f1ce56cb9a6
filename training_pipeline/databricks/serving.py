"""The model versions that the serving endpoints of a workspace serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from training_pipeline.databricks.workspace import Connection

if TYPE_CHECKING:
    from databricks.sdk.service.serving import ServingEndpoint


@dataclass(frozen=True, slots=True)
class Served:
    """That an endpoint, known by the address of its page, serves a version of a model."""

    model_name: str
    model_version: str
    url: str


@dataclass(frozen=True, slots=True)
class Serving:
    """What the endpoints of one workspace serve: of those that we may see."""

    workspace: str
    served: frozenset[Served]


def serving(connection: Connection) -> Serving:
    """Ask for every endpoint, in one call. Reads only; raises the errors of `Connection.calling`."""
    with connection.calling("list the serving endpoints", grant="Grant CAN VIEW on the serving endpoints"):
        client = connection.client()
        host = client.config.host.rstrip("/")
        return Serving(host, frozenset(one for found in client.serving_endpoints.list() for one in _of(found, host)))


def _of(endpoint: ServingEndpoint, host: str) -> list[Served]:
    """What an endpoint serves; a model of another provider has no version, and is none of ours."""
    config = endpoint.config
    if config is None or endpoint.name is None:
        return []
    url = f"{host}/ml/endpoints/{quote(endpoint.name, safe='')}"
    named = [(one.entity_name, one.entity_version) for one in config.served_entities or []]
    # What an older workspace says in the place of entities.
    named += [(one.model_name, one.model_version) for one in config.served_models or []]
    return [Served(name, version, url) for name, version in named if name and version]
