"""A Hugging Face Hub with the models that a test gives it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

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


def hub_copy(cache: Path, model_id: str, folder: Path, commit: str = "b" * 40) -> Path:
    """What the Hub's library leaves in its `cache` of a model that it downloaded; returns the folder of the commit."""
    repository = cache / f"models--{model_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    copy = repository / "snapshots" / commit
    shutil.copytree(folder, copy)
    return copy
