"""The services of one installation, created once by each entry point and passed down.

Each is built, and what it needs imported, when it is first used: a command that lists jobs loads no engine. What runs
long has everything built before it begins: see `everything`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.app.models import ModelParts
from training_pipeline.app.ownership import require_own
from training_pipeline.app.part import part
from training_pipeline.infra.database import Database, open_database

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.datasets.sheet_rows import SheetRows
    from training_pipeline.infra.fair_turns import FairTurns
    from training_pipeline.retraining.retrain import Retrainer
    from training_pipeline.reviewing.edits import SheetEdits
    from training_pipeline.settings import Settings
    from training_pipeline.sheets.base import TrainingSheetSource
    from training_pipeline.tuning.advance import Advance
    from training_pipeline.tuning.scoring import Scoring
    from training_pipeline.tuning.studies import Studies
    from training_pipeline.uploads.imports import SheetImports


class Services(ModelParts):
    """Everything that works on training jobs: with jobs and models, what works on sheets, studies and retraining."""

    @part
    def sheet_rows(self) -> SheetRows:
        """The judged pairs of sheets, kept for their pages."""
        from training_pipeline.datasets.sheet_rows import SheetRows

        return SheetRows(self.settings.sheet_rows, self.policy)

    @part
    def heavy_reads(self) -> FairTurns:
        """Turns at what reads much."""
        from training_pipeline.app.heavy_reads import heavy_turns

        return heavy_turns()

    @part
    def sheet_edits(self) -> SheetEdits:
        """What reviewers change in sheets."""
        from training_pipeline.reviewing.edits import SheetEdits
        from training_pipeline.reviewing.log import EditLog

        directory = self.settings.sheets if self.settings.sheet_source == "files" else None
        return SheetEdits(EditLog(self.store), directory, self.keys)

    @part
    def imports(self) -> SheetImports:
        """What makes training sheets of uploads. Few need it, and it brings readers of every format."""
        from training_pipeline.app.limits import imports_of

        return imports_of(self.settings)

    @part
    def retrainer(self) -> Retrainer:
        """Trains again on sheets that have changed."""
        from training_pipeline.retraining.retrain import Retrainer

        return Retrainer(
            self.store,
            self.database,
            self.source,
            self.jobs,
            self.policy,
            self.settings.min_pairs,
            self.urls,
            self.revocations.withdrawn,
            self.keys,
        )

    @part
    def scoring(self) -> Scoring:
        """How good the models of trials are."""
        from training_pipeline.tuning.scoring import Scoring

        return Scoring(self.kept_models, self.evaluations)

    @part
    def studies(self) -> Studies:
        """Searches for the best configuration."""
        from training_pipeline.tuning.objective import Objectives
        from training_pipeline.tuning.studies import Studies

        objectives = Objectives(self.suites, self.source, self.policy, self.backend)
        return Studies(self.store, self.jobs, self.backend, objectives, self.scoring)

    @part
    def advance_studies(self) -> Advance:
        """Starts the next trials, and stops those that will not win."""
        from training_pipeline.tuning.advance import Advance

        return Advance(self.store, self.database, self.jobs, self.source, self.scoring)


def assemble(
    settings: Settings,
    database: Database,
    *,
    backend: FineTuningBackend | None = None,
    source: TrainingSheetSource | None = None,
) -> Services:
    """Put the parts together; `backend` and `source` stand in for the configured ones in tests. Connects to nothing."""
    return Services(settings, database, backend=backend, source=source)


def open_services(settings: Settings) -> Services:
    """The parts on the configured database, which is started where it is ours.

    Raises `Unavailable`, and `Conflict` where the database is another installation's. Settings that only some parts
    need are asked for with these.
    """
    database = open_database(settings)
    require_own(settings, database)
    return assemble(settings, database)
