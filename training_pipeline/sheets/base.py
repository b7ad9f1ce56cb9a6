"""The interface to the sources of training sheets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from training_pipeline.domain.training_sheet import TrainingSheet

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from training_pipeline.sheets.engine import Engine


def _ours() -> Engine:
    from training_pipeline.sheets.engine import DuckDB

    return DuckDB()


@dataclass(frozen=True, slots=True)
class OpenSheet:
    """A training sheet, readable as long as its context is open."""

    sheet: TrainingSheet
    #: SHA-256 (hex) of the sheet's head and pairs as stored: the version of the training sheet.
    digest: str
    #: The pairs, with exactly the columns of `PAIR_SCHEMA`, in no particular order.
    pairs: ir.Table
    #: What works out expressions over the pairs: our own DuckDB, or a warehouse in which they stay.
    engine: Engine = field(default_factory=_ours)
    #: What `Stamped.look` says as long as this is the version, once closing the sheet has not raised; null where the
    #: source has no stamps, or the sheet was changed so lately that the next change might have the same one.
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class StampedSheet:
    """A sheet's head, with a text that is another one whenever the head or the pairs are."""

    sheet: TrainingSheet
    stamp: str


@runtime_checkable
class Stamped(Protocol):
    """What a source has besides where it can say fast whether a sheet is still what it was."""

    def look(self, sheet_id: str) -> StampedSheet:
        """The sheet as it is now. Raises `NotFound`, or `SheetUnreadable`. Does not read the pairs."""
        ...


@runtime_checkable
class Digested(Protocol):
    """What a source has besides where it can tell the digest of a sheet without an engine."""

    def digest(self, sheet_id: str) -> tuple[TrainingSheet, str]:
        """A sheet's head and its digest, as `OpenSheet` has them. Raises as `Stamped.stamp` does. Reads only."""
        ...


class TrainingSheetSource(Protocol):
    """Reads training sheets. Never writes."""

    def list(self) -> list[TrainingSheet]:
        """All sheets' heads, by id."""
        ...

    def get(self, sheet_id: str) -> TrainingSheet:
        """One sheet's head; raises `NotFound` (naming those there are) or `SheetUnreadable`."""
        ...

    def open(self, sheet_id: str) -> AbstractContextManager[OpenSheet]:
        """The sheet with its pairs; raises `NotFound`, or `SheetUnreadable` with every structural fault at once."""
        ...
