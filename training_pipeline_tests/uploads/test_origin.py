from __future__ import annotations

from training_pipeline.uploads.origin import of_file, of_table
from training_pipeline.uploads.remote.copying import Stat


def test_what_is_on_record_of_a_file_and_of_a_table() -> None:
    file = of_file(Stat(url="s3://acme/a.csv", bytes=12, etag="e"))
    assert (file.version, file.metadata()["imported_etag"], file.metadata()["imported_bytes"]) == ("e", "e", "12")
    assert of_file(Stat(url="s3://acme/a.csv", bytes=12, etag="e", version="v")).version == "v"
    table = of_table("s3://acme/t", "delta", "7", 100)
    assert "imported_etag" not in table.metadata()
    assert (table.metadata()["imported_version"], table.metadata()["imported_from_url"]) == ("7", "s3://acme/t")
