"""What the gates count in a training sheet, worked out once for a version of it, however many jobs are created of it.

These counts are what a new job is planned with. What it trains on is judged again when it is launched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from training_pipeline.datasets.kept_files import judged_by
from training_pipeline.datasets.known_versions import KnownVersions
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.shared_work import SharedWork
from training_pipeline.sheets.base import OpenSheet

#: Versions whose counts are remembered, beside those in files.
MOST_KEPT: Final = 100


class SheetSize(BaseModel):
    """How many pairs a version has."""

    pairs: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A version of a training sheet, with what the gates count in it; null where it has more pairs than were asked."""

    sheet: TrainingSheet
    digest: str
    summary: ExportSummary | None


class SheetSummaries:
    """Counts of sheets under one policy. Safe from several threads."""

    def __init__(
        self,
        versions: KnownVersions,
        findings: SheetFindings,
        policy: GatePolicy,
        withdrawn: Callable[[str], Withdrawn],
    ) -> None:
        """`withdrawn` says what may not be trained on in a training sheet, whatever the sheet says."""
        self._versions = versions
        self._findings = findings
        self._policy = policy
        self._withdrawn = withdrawn
        self._under_way: SharedWork[Counted] = SharedWork(MOST_KEPT)

    def count(self, sheet_id: str, *, most: int) -> Counted:
        """A sheet as it is now; judged only where it has at most so many pairs, and nobody has judged this version.

        Raises `NotFound`, `SheetUnreadable`, and whatever else opening a sheet and judging it do.
        """
        withdrawn = self._withdrawn(sheet_id)
        at = self._versions.look(sheet_id)
        if at is not None and at.digest is not None:
            known, summary = self._known(at.digest, withdrawn, most)
            if known:
                return Counted(at.sheet, at.digest, summary)
        if at is None:
            return self._opened(sheet_id, withdrawn, most)
        key = (at.stamp, self._judged_by(withdrawn), most)
        return self._under_way.of(key, lambda: self._opened(sheet_id, withdrawn, most), keep=False)

    def _opened(self, sheet_id: str, withdrawn: Withdrawn, most: int) -> Counted:
        with self._versions.open(sheet_id) as opened:
            known, summary = self._known(opened.digest, withdrawn, most)
            made: list[BaseModel] = []
            if not known:
                made.append(size := SheetSize(pairs=_pairs(opened)))
                if size.pairs <= most:
                    made.append(summary := export_summary(opened, self._policy, withdrawn=withdrawn))
        # Only now is it known that what was counted is what the digest is of: else closing it has raised.
        for found in made:
            self._findings.keep(found, opened.digest, withdrawn=withdrawn)
        return Counted(opened.sheet, opened.digest, summary)

    def _known(self, digest: str, withdrawn: Withdrawn, most: int) -> tuple[bool, ExportSummary | None]:
        """Whether it is known what the gates count in a version, or that it has too many pairs; and what they count."""
        summary = self._findings.known(ExportSummary, digest, withdrawn=withdrawn)
        if summary is not None:
            return True, summary if summary.total <= most else None
        size = self._findings.known(SheetSize, digest, withdrawn=withdrawn)
        return size is not None and size.pairs > most, None

    def _judged_by(self, withdrawn: Withdrawn) -> str:
        """What the verdicts depend on beside the sheet, in short: rows that are withdrawn may be many."""
        return hashlib.sha256("\n".join(judged_by(self._policy, withdrawn)).encode()).hexdigest()


def _pairs(opened: OpenSheet) -> int:
    with opened.engine.fetch(opened.pairs.aggregate(pairs=opened.pairs.count())) as counted:
        return int(counted.to_pyarrow()["pairs"][0].as_py())
