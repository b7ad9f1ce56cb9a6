"""The verbs of model versions behind a REST API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.domain.model_version import VersionState
from training_pipeline.schemas.model_version import (
    ModelEndpoints,
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.playground import PlaygroundAnswers
from training_pipeline.schemas.training_job import TrainingJob


class RemoteModels(OverHttp):
    """`Models` over HTTP."""

    def model_versions(
        self,
        *,
        name: str | None = None,
        alias: str | None = None,
        state: VersionState | None = None,
        sheet: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> ModelVersionPage:
        """See `Client`."""
        params = {
            "name": name,
            "alias": alias,
            "state": None if state is None else str(state),
            "sheet": sheet,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(ModelVersionPage, "GET", "/model-versions", params=params)

    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """See `Client`."""
        return self._service.ask(ModelVersionDetails, "GET", _version(name, version))

    def retrain(self, name: str, version: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _version(name, version, "/retrain"))

    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """See `Client`."""
        return self._service.ask(ModelVersionVerification, "POST", _version(name, version, "/verify"))

    def ask(self, name: str, version: str, body: Mapping[str, Any]) -> PlaygroundAnswers:
        """See `Client`."""
        return self._service.ask(PlaygroundAnswers, "POST", _version(name, version, "/ask"), body=body)

    def download_model_file(self, name: str, version: str, path: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._service.download(_version(name, version, f"/files/{quote(path)}"))

    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        return self._service.ask(ModelEndpoints, "POST", _version(name, version, "/endpoints"), body={"url": url})

    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        return self._service.ask(ModelEndpoints, "DELETE", _version(name, version, "/endpoints"), params={"url": url})


def _version(name: str, version: str, of_it: str = "") -> str:
    return f"/model-versions/{quote(name, safe='')}/{quote(version, safe='')}{of_it}"
