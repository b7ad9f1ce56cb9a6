"""What reading an Iceberg table refuses; `test_fetching.py` reads whole ones where the extra is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.remote.iceberg import START, StagedIceberg


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyiceberg", None)
    with pytest.raises(InvalidRequest, match=r"pyiceberg, which is not installed\.\n.*\[iceberg\]"):
        StagedIceberg(tmp_path, None)


@pytest.mark.nightly
def test_metadata_chooses_no_class_that_reads_it(tmp_path: Path) -> None:
    pytest.importorskip("pyiceberg", reason="needs the extra iceberg")
    marker = tmp_path / "loaded.py"
    marker.write_text("raise AssertionError('it was loaded')\n")
    metadata = {
        "format-version": 2,
        "table-uuid": "9ec20c32-ced8-4281-aba2-f9020ebe1990",
        "location": "s3://acme/qa",
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": 1,
        "current-schema-id": 0,
        "schemas": [
            {
                "type": "struct",
                "schema-id": 0,
                "fields": [{"id": 1, "name": "question", "required": False, "type": "string"}],
            }
        ],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {"py-io-impl": "loaded.Evil"},
    }
    (tmp_path / START).write_text(json.dumps(metadata))
    sys.path.insert(0, str(tmp_path))
    try:
        staged = StagedIceberg(tmp_path, None)
        assert (staged.version, staged.lacking()) == ("", [])
        schema, batches = staged.batches()
        assert (schema.names, list(batches)) == (["question"], [])
    finally:
        sys.path.remove(str(tmp_path))
    assert "loaded" not in sys.modules
