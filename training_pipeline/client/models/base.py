"""The verbs of model versions, whether they are of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from training_pipeline.domain.model_version import VersionState
    from training_pipeline.schemas.model_version import (
        ModelEndpoints,
        ModelVersionDetails,
        ModelVersionPage,
        ModelVersionVerification,
    )
    from training_pipeline.schemas.playground import PlaygroundAnswers
    from training_pipeline.schemas.training_job import TrainingJob


class Models(Protocol):
    """Every method raises `PipelineError`."""

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
        """A page of the registered model versions that pass every filter, the newest first.

        `sheet` is a training sheet or a source sheet.
        """

    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """A registered model version with everything that is on record of it."""

    def retrain(self, name: str, version: str) -> TrainingJob:
        """Launch the proposed retrain of a tainted version; again: the job that was launched."""

    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """Look at a registered model version anew: is it still clean?"""

    def ask(self, name: str, version: str, body: Mapping[str, Any]) -> PlaygroundAnswers:
        """Ask a model version, its base model and the champion one question. Nothing of it is kept or logged."""

    def download_model_file(self, name: str, version: str, path: str) -> Iterable[bytes]:
        """A file of a model version in pieces, as registered. Raises midway where it is not: then it is not whole."""

    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """Record that an endpoint serves a model version. Idempotent."""

    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """Record that an endpoint serves a model version no more."""
