"""Model versions, as pages ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.models.versions.find import VersionFacets
from training_pipeline.schemas.model_version import (
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.playground import PlaygroundAnswers, PlaygroundLimits
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web.client.base import PageCalls, thread
from training_pipeline.web.urls import VersionFilters


class ModelCalls(PageCalls):
    """Model versions, as pages ask for them."""

    async def versions(self, filters: VersionFilters, *, page_size: int) -> ModelVersionPage:
        """A page of model versions."""
        return await thread(
            self.local.model_versions,
            name=filters.name or None,
            alias=filters.alias or None,
            state=filters.state,
            sheet=filters.sheet or None,
            page=filters.page,
            page_size=page_size,
        )

    async def version_facets(self) -> VersionFacets:
        """The values that model versions may be filtered by."""
        return await thread(self.local.version_facets)

    async def version(self, name: str, version: str) -> ModelVersionDetails:
        """One model version, with everything that is on record of it."""
        return await thread(self.local.model_version, name, version)

    @property
    def may_retrain(self) -> bool:
        """Whether the caller may launch retrains."""
        return self.caller.may_act_as(least_role(LocalClient.retrain))

    async def retrain(self, name: str, version: str) -> TrainingJob:
        """The job of the proposed retrain of a tainted version."""
        return await thread(self.local.retrain, name, version)

    @property
    def may_download(self) -> bool:
        """Whether the caller may download the files of a model version."""
        return self.caller.may_act_as(least_role(LocalClient.download_model_file))

    @property
    def may_promote(self) -> bool:
        """Whether the caller may move aliases."""
        return self.caller.may_act_as(least_role(LocalClient.promote))

    async def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """What the gate says, and whether the alias was moved."""
        return await thread(self.local.promote, name, version, body)

    async def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """The alias, moved back."""
        return await thread(self.local.roll_back, name, body)

    async def promotions(self, name: str) -> ModelPromotions:
        """Every decision about the aliases of a model."""
        return await thread(self.local.promotions, name)

    @property
    def may_ask(self) -> bool:
        """Whether the caller may ask models questions."""
        return self.caller.may_act_as(least_role(LocalClient.ask))

    async def ask(self, name: str, version: str, body: Mapping[str, Any]) -> PlaygroundAnswers:
        """What a model version, its base model and the champion answer to one question."""
        return await thread(self.local.ask, name, version, body)

    @property
    def playground_limits(self) -> PlaygroundLimits:
        """What bounds a question."""
        return self.local.playground_limits()

    async def verify_version(self, name: str, version: str) -> ModelVersionVerification:
        """Whether a model version is still clean. Many who ask at the same moment ask once."""
        call = partial(self.local.verify_model_version, name, version)
        return await self.shared(f"verify {name} {version}", call)
