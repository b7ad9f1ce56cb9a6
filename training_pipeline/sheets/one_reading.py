"""A training sheet that is read once for several steps which come right after each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from training_pipeline.domain.errors import PipelineError, SheetChanged
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.base import OpenSheet, Stamped, TrainingSheetSource


class OneReading:
    """A source of which the sheet that was opened last stays open, for who opens it next.

    What is yielded is what opening the sheet anew would: before each use and after it, the sheet has to have the stamp
    of the reading, else that is given up. A sheet without a stamp is opened anew each time. Not for several threads.
    """

    def __init__(self, source: TrainingSheetSource) -> None:
        self._source = source
        self._held: tuple[str, OpenSheet, AbstractContextManager[OpenSheet]] | None = None

    def list(self) -> list[TrainingSheet]:
        """See `TrainingSheetSource`."""
        return self._source.list()

    def get(self, sheet_id: str) -> TrainingSheet:
        """See `TrainingSheetSource`."""
        return self._source.get(sheet_id)

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        """See `TrainingSheetSource`."""
        opened, opening = self._taken(sheet_id) or self._opened(sheet_id)
        try:
            yield opened
        except BaseException:
            if not opening.__exit__(*sys.exc_info()):
                raise
        else:
            self.close()
            if self._is_still(sheet_id, opened):
                self._held = sheet_id, opened, opening
            else:
                opening.__exit__(None, None, None)

    def close(self) -> None:
        """Give up the reading; the next step reads the sheet anew. Each use of it was checked when it ended."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(SheetChanged):
                held[2].__exit__(None, None, None)

    def _opened(self, sheet_id: str) -> tuple[OpenSheet, AbstractContextManager[OpenSheet]]:
        opening = self._source.open(sheet_id)
        return opening.__enter__(), opening

    def _taken(self, sheet_id: str) -> tuple[OpenSheet, AbstractContextManager[OpenSheet]] | None:
        held = self._held
        if held is not None and held[0] == sheet_id and self._is_still(sheet_id, held[1]):
            self._held = None
            return held[1], held[2]
        self.close()
        return None

    def _is_still(self, sheet_id: str, opened: OpenSheet) -> bool:
        if opened.stamp is None or not isinstance(self._source, Stamped):
            return False
        try:
            return self._source.look(sheet_id).stamp == opened.stamp
        except PipelineError:  # it is not there, or cannot be read: whoever opens it is told
            return False
