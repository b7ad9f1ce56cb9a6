from __future__ import annotations

from training_pipeline.uploads.origin import fetched_now


def test_what_is_on_record_of_a_file_and_of_a_table() -> None:
    file = fetched_now("s3://acme/a.csv", "file", version="v", size=12, etag="e").metadata()
    assert (file["imported_version"], file["imported_etag"], file["imported_bytes"]) == ("v", "e", "12")
    table = fetched_now("s3://acme/t", "delta", version="7", size=100).metadata()
    assert "imported_etag" not in table
    assert (table["imported_version"], table["imported_from_url"]) == ("7", "s3://acme/t")
