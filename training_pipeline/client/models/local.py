"""The verbs of model versions on this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from training_pipeline.client.heavy import heavy
from training_pipeline.client.models.pages import version_page
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role
from training_pipeline.schemas.model_version import (
    ModelEndpoints,
    ModelVersionVerification,
)

if TYPE_CHECKING:
    from training_pipeline.domain.model_version import VersionState
    from training_pipeline.models.versions.download import Download
    from training_pipeline.models.versions.find import VersionFacets
    from training_pipeline.schemas.model_version import (
        ModelVersionDetails,
        ModelVersionPage,
    )
    from training_pipeline.schemas.playground import AskModelVersion, PlaygroundAnswers, PlaygroundLimits
    from training_pipeline.schemas.training_job import TrainingJob


class LocalModels(OnServices):
    """`Models` over the services of one installation."""

    @needs(Role.VIEWER)
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
        return version_page(
            self._services.versions,
            name=name,
            alias=alias,
            state=state,
            sheet=sheet,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """See `Client`."""
        return self._details(name, version)

    @needs(Role.OPERATOR)
    def retrain(self, name: str, version: str) -> TrainingJob:
        """See `Client`."""
        return self.shown(self._services.retrains.launch(name, version, actor=self.caller.name))

    @needs(Role.VIEWER)
    @heavy
    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """See `Client`."""
        checks = self._services.versions.verify(name, version)
        return ModelVersionVerification.of_checks(name, version, checks)

    @needs(Role.OPERATOR)
    def ask(self, name: str, version: str, body: Mapping[str, Any] | AskModelVersion) -> PlaygroundAnswers:
        """See `Client`."""
        from training_pipeline.schemas.playground import AskModelVersion, PlaygroundAnswers

        asked = checked(AskModelVersion, body)
        playground = self._services.playground
        found = playground.ask(name, version, **asked.model_dump(), asked_by=self.caller.name)
        return PlaygroundAnswers.of(name, version, found, playground.limits)

    @needs(Role.OPERATOR)
    def download_model_file(self, name: str, version: str, path: str) -> Download:
        """See `Client`."""
        return self._services.downloads.open(name, version, path, actor=self.caller.name)

    @needs(Role.VIEWER)
    def playground_limits(self) -> PlaygroundLimits:
        """What bounds a question; the REST API says it with each answer."""
        from training_pipeline.schemas.playground import PlaygroundLimits

        return PlaygroundLimits.of(self._services.playground.limits)

    @needs(Role.OPERATOR)
    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        from training_pipeline.schemas.requests import ServingEndpoint

        asked = checked(ServingEndpoint, {"url": url})
        found = self._services.versions.add_endpoint(name, version, asked.url, actor=self.caller.name)
        return ModelEndpoints.model_validate({"endpoints": found})

    @needs(Role.OPERATOR)
    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        found = self._services.versions.remove_endpoint(name, version, url, actor=self.caller.name)
        return ModelEndpoints.model_validate({"endpoints": found})

    @needs(Role.VIEWER)
    def version_facets(self) -> VersionFacets:
        """The values that model versions may be filtered by; the REST API does not offer this."""
        return self._services.versions.facets()
