"""What the gates count in a training sheet, worked out once for a version of it, however many jobs are created of it.

These counts are what a new job is planned with. What it trains on is judged again when it is launched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from training_pipeline.datasets.kept_files import judged_by
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.shared_work import SharedWork
from training_pipeline.sheets.base import OpenSheet, Stamped, TrainingSheetSource

#: Versions whose counts are remembered.
MOST_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """A version of a training sheet, with what the gates count in it; null where it has more pairs than were asked."""

    sheet: TrainingSheet
    digest: str
    summary: ExportSummary | None


class SheetSummaries:
    """Counts of sheets of one source, under one policy. Safe from several threads."""

    def __init__(self, source: TrainingSheetSource, policy: GatePolicy, withdrawn: Callable[[str], Withdrawn]) -> None:
        """`withdrawn` says what may not be trained on in a training sheet, whatever the sheet says."""
        self._source = source
        self._policy = policy
        self._withdrawn = withdrawn
        #: By the stamp of the sheet, where the source has one: not even its file is read again.
        self._counted: SharedWork[Counted] = SharedWork(MOST_KEPT)
        #: By the digest.
        self._summaries: SharedWork[ExportSummary | None] = SharedWork(MOST_KEPT)

    def count(self, sheet_id: str, *, most: int) -> Counted:
        """A sheet as it is now; judged only where it has at most so many pairs.

        Raises `NotFound`, `SheetUnreadable`, and whatever else opening a sheet and judging it do.
        """
        withdrawn = self._withdrawn(sheet_id)
        if not isinstance(self._source, Stamped):
            return self._opened(sheet_id, withdrawn, most)
        stamp = self._source.stamp(sheet_id)
        key = (sheet_id, stamp, self._judged_by(withdrawn), most)
        counted = self._counted.of(key, lambda: self._opened(sheet_id, withdrawn, most), keep=False)
        # What was counted is what the stamp is of only where the sheet did not change before it was opened.
        if self._counted.known(key) is None and self._source.stamp(sheet_id) == stamp:
            self._counted.remember(key, counted)
        return counted

    def _opened(self, sheet_id: str, withdrawn: Withdrawn, most: int) -> Counted:
        with self._source.open(sheet_id) as opened:
            key = (sheet_id, opened.digest, self._judged_by(withdrawn), most)
            summary = self._summaries.of(key, lambda: self._summary(opened, withdrawn, most), keep=False)
            counted = Counted(opened.sheet, opened.digest, summary)
        # Only now is it known that what was counted is what the digest is of: else closing it has raised.
        self._summaries.remember(key, summary)
        return counted

    def _summary(self, opened: OpenSheet, withdrawn: Withdrawn, most: int) -> ExportSummary | None:
        with opened.engine.fetch(opened.pairs.aggregate(pairs=opened.pairs.count())) as counted:
            small = counted.to_pyarrow()["pairs"][0].as_py() <= most
        return export_summary(opened, self._policy, withdrawn=withdrawn) if small else None

    def _judged_by(self, withdrawn: Withdrawn) -> str:
        """What the verdicts depend on beside the sheet, in short: rows that are withdrawn may be many."""
        return hashlib.sha256("\n".join(judged_by(self._policy, withdrawn)).encode()).hexdigest()
