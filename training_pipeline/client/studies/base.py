"""The verbs of studies, of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from training_pipeline.schemas.study import Studies, StudyPage
from training_pipeline.schemas.training_job import TrainingJob


class OfStudies(Protocol):
    """Every method raises `PipelineError`."""

    def create_study(self, body: Mapping[str, Any]) -> StudyPage:
        """Create a study; again with the same values: the one that is there."""

    def studies(self) -> Studies:
        """List the newest studies."""

    def study(self, name: str) -> StudyPage:
        """One study with its trials."""

    def stop_study(self, name: str, *, reason: str, let_finish: bool = False) -> StudyPage:
        """Start no more trials, and cancel those that run unless they may finish. Idempotent."""

    def promote_trial(self, name: str, *, trial: int | None = None) -> TrainingJob:
        """An ordinary job with the best configuration, or a trial's, that registers; again: the job that is there."""
