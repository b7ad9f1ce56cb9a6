"""A Hugging Face Hub with the models that a test gives it."""

from __future__ import annotations

from collections.abc import Mapping

from training_pipeline.backends.hub import Hub, HubModel


class ScriptedHub(Hub):
    """Knows these models, at once and without a network."""

    def __init__(self, models: Mapping[str, HubModel]) -> None:
        super().__init__()
        self._models = models

    def commit_now(self, model_id: str) -> str | None:
        """The commit of the model, where there is one."""
        return self.model(model_id).commit

    def model(self, model_id: str, revision: str | None = None) -> HubModel:
        """The model, at whatever revision."""
        return self._models.get(model_id, HubModel(revision))
