"""An Iceberg table whose files are copied, step by step, to a folder of this machine."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.remote.filesystems import missing

if TYPE_CHECKING:
    from pyiceberg.io import InputFile
    from pyiceberg.table import StaticTable

#: Which location is which file of the folder, as JSON.
INDEX: Final = "index.json"
START: Final = "start"


class StagedIceberg:
    """One snapshot of a table. What its metadata says of how files are read counts for nothing."""

    def __init__(self, folder: Path, version: str | None) -> None:
        try:
            import pyiceberg  # noqa: F401
        except ImportError:
            raise missing("An Iceberg table", "pyiceberg", "iceberg") from None
        index = folder / INDEX
        self._staged = {
            location: folder / name
            for location, name in (json.loads(index.read_bytes()) if index.exists() else {}).items()
        }
        self._io = _StagedIO(self._staged)
        self._table = _table(folder / START, self._io)
        self._snapshot = self._found(version)

    @property
    def version(self) -> str:
        """The id of the snapshot; empty for a table without one."""
        return "" if self._snapshot is None else str(self._snapshot.snapshot_id)

    def lacking(self) -> list[str]:
        """The locations that are needed next; none once all are here."""
        wanted: list[str] = []
        if self._snapshot is not None:
            wanted = self._lacking([self._snapshot.manifest_list])
            if not wanted:
                wanted = self._lacking([one.manifest_path for one in self._snapshot.manifests(self._io)])
            if not wanted:
                tasks = list(self._scan().plan_files())
                deletes = [delete.file_path for task in tasks for delete in task.delete_files]
                wanted = self._lacking([*(task.file.file_path for task in tasks), *deletes])
        return wanted

    def batches(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Its columns, and its rows in parts."""
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        if self._snapshot is None:
            schema = schema_to_pyarrow(self._table.schema(), include_field_ids=False)
            return schema, iter(())
        reader = self._scan().to_arrow_batch_reader()
        return reader.schema, iter(reader)

    def _scan(self) -> Any:
        return self._table.scan(snapshot_id=None if self._snapshot is None else self._snapshot.snapshot_id)

    def _found(self, version: str | None) -> Any:
        if version is None:
            return self._table.current_snapshot()
        found = self._table.snapshot_by_id(int(version)) if version.isdecimal() else None
        if found is None:
            known = ", ".join(str(one.snapshot_id) for one in self._table.snapshots()[-5:]) or "none"
            raise InvalidRequest(f"The Iceberg table has no snapshot {version[:40]}.", hint=f"The last are: {known}.")
        return found

    def _lacking(self, locations: list[str]) -> list[str]:
        return [location for location in dict.fromkeys(locations) if location not in self._staged]


def _table(start: Path, io: Any) -> StaticTable:
    """The table whose metadata is in a file. `StaticTable.from_metadata` would let that file choose a class to load."""
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.table import StaticTable
    from pyiceberg.table.metadata import TableMetadataUtil

    with start.open("rb") as opened:
        packed = opened.read(2) == b"\x1f\x8b"
    with gzip.open(start) if packed else start.open("rb") as content:
        metadata = TableMetadataUtil.parse_raw(content.read().decode())
    return StaticTable(("imported", "table"), metadata, str(start), io, NoopCatalog("imported"))


class _StagedIO:
    """What pyiceberg knows as a `FileIO`: reads what was copied, and nothing else."""

    def __init__(self, staged: Mapping[str, Path]) -> None:
        from pyiceberg.io.pyarrow import PyArrowFileIO

        self.properties: dict[str, str] = {}
        self._staged = staged
        self._local = PyArrowFileIO()

    def new_input(self, location: str) -> InputFile:
        """The file of a location; raises `FileNotFoundError` for one that was not copied."""
        if location not in self._staged:
            raise FileNotFoundError(location)
        return self._local.new_input(str(self._staged[location]))
