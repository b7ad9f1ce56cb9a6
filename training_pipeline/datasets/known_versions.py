"""Which version a training sheet is, known without reading its pairs: by the stamp of what it is stored in.

For what pages show. Whether a pair may be trained on is never decided by a stamp: for that, the sheet is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.datasets.kept_files import keep_newest
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.files import replace_file
from training_pipeline.sheets.base import OpenSheet, Stamped, TrainingSheetSource

#: Stamps whose version is kept; those that were seen first go.
MOST_KEPT: Final = 1000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Known:
    """A training sheet as it is at this moment; `digest` is null where its pairs have to be read to say."""

    sheet: TrainingSheet
    stamp: str
    digest: str | None


class KnownVersions:
    """Digests by stamps, in files of a private directory. Safe from several threads and processes."""

    def __init__(self, source: TrainingSheetSource, directory: Path) -> None:
        self._source = source
        self._directory = directory

    def look(self, sheet_id: str) -> Known | None:
        """The sheet's head and version; null where the source has no stamps. Does not read the pairs.

        Raises `NotFound`, or `SheetUnreadable`.
        """
        if not isinstance(self._source, Stamped):
            return None
        found = self._source.look(sheet_id)
        return Known(found.sheet, found.stamp, self._digest(found.stamp))

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        """`TrainingSheetSource.open`; the version is known from then on, unless closing it raises. Writes."""
        with self._source.open(sheet_id) as opened:
            yield opened
        # Only now is it known that the stamp is of what the digest is of.
        if opened.stamp is not None and self._digest(opened.stamp) != opened.digest:
            with suppress(OSError):  # it is read again, then
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_file(self._file(opened.stamp), opened.digest.encode())
                keep_newest(self._directory, "*.digest", MOST_KEPT)

    def _digest(self, stamp: str) -> str | None:
        try:
            found = self._file(stamp).read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        return found if _DIGEST.fullmatch(found) else None

    def _file(self, stamp: str) -> Path:
        return self._directory / f"{hashlib.sha256(stamp.encode()).hexdigest()[:32]}.digest"
