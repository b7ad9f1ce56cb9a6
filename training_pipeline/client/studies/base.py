"""The verbs of studies, of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from training_pipeline.domain.study import StudyStatus
    from training_pipeline.schemas.study import Studies, StudyDryRun, StudyPage
    from training_pipeline.schemas.training_job import TrainingJob


class OfStudies(Protocol):
    """Every method raises `PipelineError`."""

    def create_study(self, body: Mapping[str, Any]) -> StudyPage:
        """Create a study; again with the same values: the one that is there."""

    def plan_study(self, body: Mapping[str, Any]) -> StudyDryRun:
        """The dry run of one trial in the middle of the space, with everything that is wrong, and what all trials take.

        Stores nothing.
        """

    def studies(
        self,
        *,
        statuses: Collection[StudyStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> Studies:
        """List the newest studies that match."""

    def study(self, name: str) -> StudyPage:
        """One study with its trials."""

    def stop_study(self, name: str, *, reason: str, let_finish: bool = False) -> StudyPage:
        """Start no more trials, and cancel those that run unless they may finish. Idempotent."""

    def promote_trial(self, name: str, *, trial: int | None = None) -> TrainingJob:
        """An ordinary job with the best configuration, or a trial's, that registers; again: the job that is there."""
