"""From a URL to an upload, with the processes that do it. Tables are read in `make soak`, where their extras are."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.bucket_location import locations_in
from training_pipeline.domain.errors import InvalidRequest, NotFound, PipelineError, SheetUnreadable
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.servers.s3 import S3
from training_pipeline.uploads.imports import SheetImports
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import UploadNotRead, answer_of
from training_pipeline.uploads.remote import copy, tables
from training_pipeline.uploads.remote.copy import Copied, CopyTask
from training_pipeline.uploads.remote.fetching import place_of
from training_pipeline.uploads.remote.tables import TableRead, TableTask
from training_pipeline.uploads.staging import Uploads
from training_pipeline_tests.uploads.test_imports import HEAD, ROWS, asked

CSV = (HEAD + "".join(ROWS)).encode()
ADA = Caller("ada", Role.OPERATOR)
TABLE = pa.table(
    {
        "question": [f"Which desk takes case {n}?" for n in range(12)],
        "reply": [f"desk {n % 3}" for n in range(12)],
        "ok_for_training": ["yes"] * 12,
        "approved_by": ["grace"] * 12,
        "part": ["x y", "é/%41"] * 6,
    }
)


def imports_at(folder: Path, allowed: str = "s3://acme/in", **limits: float) -> SheetImports:
    uploads = Uploads(folder / "uploads", UploadLimits.model_validate(limits))
    return SheetImports(uploads, folder / "sheets", GatePolicy(), prefixes=locations_in(allowed))


def left_in(imports: SheetImports, folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in (folder / "uploads").rglob("*")]


def refused(imports: SheetImports, url: str, error: type[PipelineError], said: str, folder: Path) -> None:
    with pytest.raises(error, match=said):
        imports.fetching.fetch("ada", url)
    assert left_in(imports, folder) == []


def test_from_a_bucket_to_a_sheet_that_says_where_it_is_from(s3: S3, tmp_path: Path) -> None:
    s3.put("acme/in/a b%2520.csv", CSV)  # the key has a space and a percent sign
    imports = imports_at(tmp_path)
    upload = imports.fetching.fetch("ada", "s3a://acme/in/a b%20.csv")
    assert (upload.file.name, upload.file.read_bytes()) == ("a b_20.csv", CSV)
    assert stat.S_IMODE(upload.file.stat().st_mode) == 0o600
    assert sorted(path.name for path in upload.folder.iterdir()) == ["a b_20.csv", "upload.json"]
    origin = upload.origin
    assert origin is not None
    assert (origin.url, origin.kind, origin.bytes) == ("s3://acme/in/a b%20.csv", "file", len(CSV))
    assert len(origin.etag) == 32
    with pytest.raises(NotFound):
        imports.uploads.get(upload.id, "eve")
    imports.create(upload, asked(), ADA, replace=False)
    made = FileTrainingSheets([tmp_path / "sheets"]).get("desks")
    assert made.source_sheet.version == origin.etag
    assert made.metadata["imported_from_url"] == origin.url
    assert made.metadata["fetched_at"] == origin.fetched_at
    assert left_in(imports, tmp_path) == []


@pytest.mark.nightly  # copying.py's own tests are its relatives
def test_what_is_not_there_or_too_much_leaves_nothing(s3: S3, tmp_path: Path) -> None:
    s3.put("acme/in/large.csv", b"x" * 2000)
    imports = imports_at(tmp_path, bytes=1000)
    refused(imports, "s3://acme/in/large.csv", InvalidRequest, "comes to more than 1,000 bytes", tmp_path)
    refused(imports, "s3://acme/in/nothing", InvalidRequest, "there is no such file or table", tmp_path)


def test_nothing_is_begun_for_what_is_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_pipeline.uploads.remote.fetching.answer_of", lambda *_, **__: pytest.fail("begun"))
    for allowed in ("s3://acme/in", ""):
        imports = imports_at(tmp_path, allowed)
        for url in ("s3://acme/in-evil/a", "s3://acme-evil/in/a", "s3://acme/in/../out/a", "gs://acme/in/a"):
            refused(imports, url, InvalidRequest, "cannot be imported from", tmp_path)
        refused(imports, "file:///etc/passwd", InvalidRequest, "begins with file:, which is not read", tmp_path)


def test_no_file_of_a_table_stands_where_one_of_ours_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[CopyTask | TableTask] = []

    def answer(_: str, task: CopyTask | TableTask, folder: Path, **__: object) -> bytes:
        asked.append(task)
        assert task.folder.is_relative_to(folder)
        assert task.folder != folder  # where the answer of the process is looked for
        if isinstance(task, CopyTask):
            for name in (task.files or {}).values():
                (task.folder / name).write_text('{"kind": "file"}')
            return Copied(kind="delta").model_dump_json().encode()
        assert task.folder not in task.target.parents
        if len(asked) < 4:
            return TableRead(lacking=(".outcome.json", "rows", "index.json")).model_dump_json().encode()
        task.target.write_text("rows")
        return TableRead(version="1").model_dump_json().encode()

    monkeypatch.setattr("training_pipeline.uploads.remote.fetching.answer_of", answer)
    upload = imports_at(tmp_path).fetching.fetch("ada", "s3://acme/in/desks")
    assert (upload.file.name, upload.file.read_text()) == ("desks.parquet", "rows")
    assert sorted(path.name for path in upload.folder.iterdir()) == ["desks.parquet", "upload.json"]


def test_it_ends_after_its_time(tmp_path: Path) -> None:
    (tmp_path / "table" / "_delta_log").mkdir(parents=True)
    url = place_of(tmp_path / "table")
    assert url is not None
    with pytest.raises(UploadNotRead, match=r"was not (read|fetched) within"):
        imports_at(tmp_path, seconds=0.001).fetching.fetch_here("ada", url)
    assert place_of(tmp_path) is None
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("program", [copy.PROGRAM, tables.PROGRAM])
def test_each_process_has_no_more_memory_than_an_upload(tmp_path: Path, program: str) -> None:
    (tmp_path / "table" / "_delta_log").mkdir(parents=True)
    (tmp_path / "table" / "_delta_log" / f"{0:020}.json").write_text("{}")
    limits, url = UploadLimits(memory_bytes=2**20), str(place_of(tmp_path / "table"))
    task: CopyTask | TableTask = TableTask(
        kind="delta", folder=tmp_path / "table", target=tmp_path / "x", limits=limits
    )
    if program == copy.PROGRAM:
        task = CopyTask(url=url, folder=tmp_path / "to", allowed=(url,), most=2**20, limits=limits)
    try:
        answer = answer_of(program, task, tmp_path, limits=limits)
    except UploadNotRead:
        return  # not even its answer could be written
    assert (Copied if program == copy.PROGRAM else TableRead).model_validate_json(answer).failure is not None


@pytest.mark.nightly
def test_a_delta_table_in_a_bucket_by_its_version(s3: S3, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake", reason="needs the extra delta")
    options = {"endpoint": s3.url, "allow_http": "true"}
    for _ in range(3):
        deltalake.write_deltalake(
            "s3://acme/in/qa", TABLE, mode="append", partition_by=["part"], storage_options=options
        )
    deltalake.DeltaTable("s3://acme/in/qa", storage_options=options).create_checkpoint()
    imports = imports_at(tmp_path)
    for version, rows in ((None, 36), ("0", 12)):
        upload = imports.fetching.fetch("ada", "s3://acme/in/qa", version=version)
        assert upload.origin is not None
        assert (upload.origin.kind, upload.origin.version) == ("delta", version or "2")
        read = pq.read_table(upload.file)
        assert (upload.file.name, read.num_rows, set(read["part"].to_pylist())) == (
            "qa.parquet",
            rows,
            {"x y", "é/%41"},
        )
        assert sorted(path.name for path in upload.folder.iterdir()) == ["qa.parquet", "upload.json"]
    imports.create(upload, asked(), ADA, replace=False)
    made = FileTrainingSheets([tmp_path / "sheets"]).get("desks")
    assert (made.source_sheet.version, made.metadata["imported_version"]) == ("0", "0")
    with pytest.raises(InvalidRequest, match="has no version 7; it has 0 to 2"):
        imports.fetching.fetch("ada", "s3://acme/in/qa", version="7")
    # What lies elsewhere is not fetched, wherever the log says that it is.
    s3.put("acme/out/secret.parquet", b"secret")
    for number, path in enumerate(("../../out/secret.parquet", "s3://acme/out/secret.parquet"), start=3):
        added = {"path": path, "partitionValues": {"part": "x"}, "size": 1, "modificationTime": 0, "dataChange": True}
        s3.put(f"acme/in/qa/_delta_log/{number:020}.json", json.dumps({"add": added}).encode())
        with pytest.raises((SheetUnreadable, InvalidRequest), match=r"do not lie below it|no such file|has '\.\.'"):
            imports.fetching.fetch("ada", "s3://acme/in/qa")


@pytest.mark.nightly
def test_an_iceberg_table_in_a_bucket_by_its_snapshot(s3: S3, tmp_path: Path) -> None:
    sql = pytest.importorskip("pyiceberg.catalog.sql", reason="needs the extra iceberg")
    catalog = sql.SqlCatalog(
        "test", uri=f"sqlite:///{tmp_path}/c.db", warehouse="s3://acme/in/wh", **{"s3.endpoint": s3.url}
    )
    try:
        catalog.create_namespace("n")
        table = catalog.create_table("n.qa", schema=TABLE.schema)
        table.append(TABLE)
        first = str(table.current_snapshot().snapshot_id)
        table.append(TABLE)
        table.delete("reply = 'desk 1'")
        now = str(table.current_snapshot().snapshot_id)
    finally:
        catalog.engine.dispose()
    imports = imports_at(tmp_path)
    for url, version, rows in (
        ("s3://acme/in/wh/n/qa", None, 16),
        (table.metadata_location, first, 12),
    ):
        upload = imports.fetching.fetch("ada", url, version=version)
        assert upload.origin is not None
        assert (upload.origin.kind, upload.origin.version) == ("iceberg", version or now)
        assert (upload.file.name, pq.read_table(upload.file).num_rows) == ("qa.parquet", rows)
    with pytest.raises(InvalidRequest, match="has no snapshot 12"):
        imports.fetching.fetch("ada", table.metadata_location, version="12")
    # Whatever its metadata says, no file outside the prefix is fetched, and no class of its choice is loaded.
    narrow = imports_at(tmp_path / "narrow", "s3://acme/in/wh/n/qa/metadata")
    with pytest.raises(InvalidRequest, match=r"n/qa/data/\S+ lies below none"):
        narrow.fetching.fetch("ada", table.metadata_location)
