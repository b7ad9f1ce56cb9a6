"""What reading a Delta table refuses; `test_fetching.py` reads whole ones where the extra is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from training_pipeline.domain.errors import InvalidRequest, SheetUnreadable
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.remote.delta import StagedDelta
from training_pipeline.uploads.remote.tables import TableTask, read_table


def staged(folder: Path, uris: list[str], monkeypatch: pytest.MonkeyPatch) -> StagedDelta:
    """A table of these files, as the library would say."""
    made = SimpleNamespace(file_uris=lambda: uris, version=lambda: 7)
    library = SimpleNamespace(DeltaTable=lambda path, version: made)
    monkeypatch.setitem(sys.modules, "deltalake", library)
    return StagedDelta(folder, None)


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(InvalidRequest, match=r"deltalake, which is not installed\.\n.*\[delta\]"):
        StagedDelta(tmp_path, None)


def test_files_that_lie_elsewhere_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = staged(tmp_path, [f"{tmp_path}/part=x%20y/1.parquet"], monkeypatch)
    assert (found.version, found.lacking()) == ("7", ["part=x%20y/1.parquet"])
    for uri in ("s3://acme/1.parquet", "/etc/passwd", f"{tmp_path}/../upload.json", f"{tmp_path}-evil/1", "1.parquet"):
        with pytest.raises(SheetUnreadable, match="do not lie below it"):
            staged(tmp_path, [uri], monkeypatch).lacking()


def test_what_is_lacking_is_asked_for_and_not_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.parquet").touch()
    task = TableTask(kind="delta", folder=tmp_path, target=tmp_path / "rows", limits=UploadLimits())
    staged(tmp_path, [f"{tmp_path}/{number}.parquet" for number in (1, 2)], monkeypatch)
    assert read_table(task).lacking == ("2.parquet",)
    staged(tmp_path, [f"{tmp_path}/{number}.parquet" for number in range(10_002)], monkeypatch)
    with pytest.raises(SheetUnreadable, match="more than 10,000 files"):
        read_table(task)
    assert not task.target.exists()
