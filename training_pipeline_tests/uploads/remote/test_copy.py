from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.remote.copy import CopyTask, copied
from training_pipeline_tests.uploads.remote.test_copying import bucket

ZERO = "00000000000000000000.json"
FILES = {
    "acme/in/a.csv": b"q,a\n",
    f"acme/in/delta/_delta_log/{ZERO}": b"{}",
    "acme/in/delta/part/1.parquet": b"rows",
    "acme/in/ice/metadata/v1.metadata.json": b"old",
    "acme/in/ice/metadata/v2.metadata.json": b"new",
}


def task(folder: Path, url: str, **said: object) -> CopyTask:
    return CopyTask.model_validate(
        {"url": url, "folder": folder, "allowed": ("s3://acme/in",), "most": 100, "limits": UploadLimits(), **said}
    )


def test_a_file_or_what_says_which_files_a_table_has(tmp_path: Path) -> None:
    file = copied(task(tmp_path, "s3://acme/in/a.csv"), bucket(FILES))
    assert (file.kind, file.bytes, (tmp_path / "file").read_bytes()) == ("file", 4, b"q,a\n")
    delta = copied(task(tmp_path, "s3://acme/in/delta/"), bucket(FILES))
    assert (delta.kind, delta.bytes) == ("delta", 2)
    assert [path.name for path in (tmp_path / "_delta_log").iterdir()] == [ZERO]
    iceberg = copied(task(tmp_path, "s3://acme/in/ice"), bucket(FILES))
    assert (iceberg.kind, (tmp_path / "start").read_bytes()) == ("iceberg", b"new")
    (tmp_path / "start").unlink()
    named = copied(task(tmp_path, "s3://acme/in/ice/metadata/v1.metadata.json"), bucket(FILES))
    assert (named.kind, (tmp_path / "start").read_bytes()) == ("iceberg", b"old")


def test_the_files_that_a_table_asks_for(tmp_path: Path) -> None:
    wanted = {"s3://acme/in/delta/part/1.parquet": "part/1.parquet"}
    done = copied(task(tmp_path, "s3://acme/in/delta", files=wanted), bucket(FILES))
    assert (done.bytes, (tmp_path / "part" / "1.parquet").read_bytes()) == (4, b"rows")
    for url in ("s3://acme/out/1.parquet", "s3://acme/in/delta/nothing"):
        with pytest.raises(InvalidRequest):
            copied(task(tmp_path, "s3://acme/in/delta", files={url: "x"}), bucket(FILES))


def test_a_file_has_no_versions_to_choose_from(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="only a table has versions"):
        copied(task(tmp_path, "s3://acme/in/a.csv", version="3"), bucket(FILES))
    with pytest.raises(InvalidRequest, match="no such file or table"):
        copied(task(tmp_path, "s3://acme/in/nothing"), bucket(FILES))
    assert list(tmp_path.iterdir()) == []
