"""A Delta table of which the log, and then the files, lie in a folder of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.uploads.remote.filesystems import missing


class StagedDelta:
    """One version of a table."""

    def __init__(self, folder: Path, version: str | None) -> None:
        try:
            from deltalake import DeltaTable
        except ImportError:
            raise missing("A Delta table", "deltalake", "delta") from None
        self._folder = folder
        self._table = DeltaTable(folder, version=None if version is None else int(version))

    @property
    def version(self) -> str:
        """Its number."""
        return str(self._table.version())

    def lacking(self) -> list[str]:
        """The files with its rows that are not here yet, by their path below the table, which is that in the folder.

        Raises `SheetUnreadable` for a table that has files elsewhere, as a shallow clone has.
        """
        found = []
        for uri in self._table.file_uris():
            path = Path(uri)
            if not path.is_relative_to(self._folder) or ".." in path.parts:
                hint = "Rewrite the table (a deep clone), and import that."
                raise SheetUnreadable("The Delta table has files that do not lie below it.", hint=hint)
            if not path.exists():
                found.append(str(path.relative_to(self._folder)))
        return found

    def batches(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Its columns, and its rows in parts. Raises `SheetUnreadable` for a feature that the library does not read."""
        from deltalake.exceptions import DeltaProtocolError

        try:
            dataset = self._table.to_pyarrow_dataset()
        except DeltaProtocolError:
            hint = "Rewrite it without deletion vectors and column mapping (REORG TABLE … APPLY (PURGE)), or export it."
            raise SheetUnreadable("The Delta table uses a feature that is not read here.", hint=hint) from None
        return dataset.schema, dataset.to_batches()
