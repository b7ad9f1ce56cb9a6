"""Tables by the names that a catalog has for them: pyiceberg's own catalog, on SQLite in a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.domain.bucket_location import locations_in
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.uploads.imports import SheetImports
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.remote.catalog import CatalogTask, metadata_of
from training_pipeline.uploads.staging import Uploads

ROWS = pa.table({"question": [f"Which desk takes case {n}?" for n in range(12)], "reply": ["desk 1"] * 12})


@dataclass
class InCatalog:
    """A table of two snapshots in the catalog `desks`, which pyiceberg is told of by a file in the home folder."""

    first: str
    second: str
    folder: Path


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InCatalog]:
    sql = pytest.importorskip("pyiceberg.catalog.sql", reason="needs the extra iceberg")
    place, warehouse = f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYICEBERG_HOME", raising=False)
    described = f"catalog:\n  desks:\n    type: sql\n    uri: {place}\n    warehouse: {warehouse}\n"
    (tmp_path / ".pyiceberg.yaml").write_text(described)
    catalog = sql.SqlCatalog("desks", uri=place, warehouse=warehouse)
    try:
        catalog.create_namespace("reviewed")
        made = catalog.create_table("reviewed.qa", schema=ROWS.schema)
        made.append(ROWS)
        first = str(made.current_snapshot().snapshot_id)
        made.append(ROWS)
        yield InCatalog(first, str(made.current_snapshot().snapshot_id), tmp_path)
    finally:
        catalog.engine.dispose()


def imports_at(folder: Path, allowed: str = "") -> SheetImports:
    uploads = Uploads(folder / "uploads", UploadLimits())
    return SheetImports(uploads, folder / "sheets", GatePolicy(), prefixes=locations_in(allowed))


def test_a_table_by_its_name_as_it_is_and_as_it_was(table: InCatalog) -> None:
    imports = imports_at(table.folder)
    for version, expected, rows in ((None, table.second, 24), (table.first, table.first, 12)):
        upload = imports.fetching.fetch_here("ada", "catalog://desks/reviewed.qa", version=version)
        assert upload.origin is not None
        said = upload.origin.metadata()
        assert (said["imported_from_url"], said["imported_version"]) == ("catalog://desks/reviewed.qa", expected)
        assert (upload.file.name, pq.read_table(upload.file).num_rows) == ("qa.parquet", rows)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("desks/reviewed.nothing", "the catalog has no such table"),
        ("desks/nowhere.qa", "the catalog has no such table"),
        ("unknown/reviewed.qa", r"no catalog of this name .* PYICEBERG_CATALOG__UNKNOWN__URI"),
        ("desks/qa", r"must be of the form catalog://NAME/namespace\.table"),
        ("desks/../qa", r"has an empty part, '\.' or '\.\.'"),
    ],
)
def test_what_there_is_not_is_said_in_plain_words(table: InCatalog, name: str, said: str) -> None:
    imports = imports_at(table.folder)
    with pytest.raises(InvalidRequest, match=said):
        imports.fetching.fetch_here("ada", f"catalog://{name}")
    assert [*(table.folder / "uploads").rglob("*")] == []


def test_over_http_a_catalog_is_asked_and_read_from_only_where_that_is_allowed(table: InCatalog) -> None:
    url = "catalog://desks/reviewed.qa"
    for allowed, said in (
        ("", "lies below none of the prefixes"),
        ("catalog://desks/other.qa", "catalog://desks/reviewed.qa lies below none"),
        ("catalog://desks", r"file:///\S+metadata\.json lies below none"),  # no folder of the service's machine
    ):
        with pytest.raises(InvalidRequest, match=said):
            imports_at(table.folder, allowed).fetching.fetch("ada", url)


def test_a_catalog_that_does_not_answer_tells_no_secret(table: InCatalog) -> None:
    described = "catalog:\n  desks:\n    type: sql\n    uri: postgresql://ada:s3cr3t@127.0.0.1:1/none\n"
    (table.folder / ".pyiceberg.yaml").write_text(described)
    with pytest.raises(InvalidRequest, match="The catalog desks cannot be asked: OperationalError") as found:
        imports_at(table.folder).fetching.fetch_here("ada", "catalog://desks/reviewed.qa")
    assert "s3cr3t" not in f"{found.value} {found.value.hint}"


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)
    with pytest.raises(InvalidRequest, match=r"pyiceberg, which is not installed\.\n.*\[iceberg\]"):
        metadata_of(CatalogTask(catalog="desks", table="reviewed.qa", limits=UploadLimits()))
