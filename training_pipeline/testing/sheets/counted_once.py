"""Counts of sheets that the tests of a process share: the same few sheets are counted for most jobs."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from training_pipeline.datasets.sheet_findings import Found, SheetFindings
from training_pipeline.datasets.sheet_summaries import SheetSize
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.revocations import NOTHING, Withdrawn

#: What is found out of a version whoever asks: not what only some requests measure, lest a test see that of another.
_SHARED: Final = (ExportSummary, SheetSize)
_found: Final[dict[str, BaseModel]] = {}


class CountedOnce(SheetFindings):
    """Finds what was counted for another installation as if it had been here: it is kept here from then on."""

    def known(self, model: type[Found], digest: str, *, withdrawn: Withdrawn = NOTHING, told: str = "") -> Found | None:
        """See `SheetFindings`. Writes."""
        here = super().known(model, digest, withdrawn=withdrawn, told=told)
        found = _found.get(self._file(model, digest, withdrawn, told).name)
        if here is None and isinstance(found, model):
            super().keep(found, digest, withdrawn=withdrawn, told=told)
            return found
        return here

    def keep(self, found: BaseModel, digest: str, *, withdrawn: Withdrawn = NOTHING, told: str = "") -> None:
        """See `SheetFindings`."""
        super().keep(found, digest, withdrawn=withdrawn, told=told)
        if isinstance(found, _SHARED):
            _found[self._file(type(found), digest, withdrawn, told).name] = found
