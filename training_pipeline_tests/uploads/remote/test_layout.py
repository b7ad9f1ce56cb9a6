from __future__ import annotations

import pytest

from training_pipeline.domain.bucket_location import parse_location
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.remote.copying import Stat
from training_pipeline.uploads.remote.layout import metadata_files, table_name, version_files

TABLE = parse_location("s3://acme/in/qa")
UUID = "9ec20c32-ced8-4281-aba2-f9020ebe1990"


def commit(number: int) -> str:
    return f"{number:020}.json"


def checkpoint(number: int, part: str = "") -> str:
    return f"{number:020}.checkpoint{part}.parquet"


LOG = {*(commit(number) for number in range(8)), "_last_checkpoint", "00000000000000000003.crc", checkpoint(2)}


@pytest.mark.parametrize(
    ("names", "version", "wanted"),
    [
        ({commit(0), commit(1)}, None, [commit(0), commit(1)]),
        (LOG, None, [checkpoint(2), *(commit(number) for number in range(2, 8))]),
        (LOG, "3", [checkpoint(2), commit(2), commit(3)]),
        (LOG, "1", [commit(0), commit(1)]),
        # Of a checkpoint in parts all must be there; and what came before one may have been cleaned away.
        (
            {checkpoint(4, f".{1:010}.{2:010}"), *(commit(number) for number in range(6))},
            "4",
            [commit(number) for number in range(5)],
        ),
        (
            {checkpoint(4, f".{1:010}.{2:010}"), checkpoint(4, f".{2:010}.{2:010}"), commit(5)},
            None,
            [checkpoint(4, f".{1:010}.{2:010}"), checkpoint(4, f".{2:010}.{2:010}"), commit(5)],
        ),
    ],
)
def test_the_files_that_make_a_version(names: set[str], version: str | None, wanted: list[str]) -> None:
    assert version_files(TABLE, names, version) == wanted


@pytest.mark.parametrize(
    ("names", "version", "said"),
    [
        (LOG, "8", "has no version 8; it has 0 to 7"),
        (LOG, "one", "is a whole number"),
        ({"_last_checkpoint"}, None, "its log is empty"),
        ({commit(3), f"{3:020}.checkpoint.{UUID}.parquet"}, None, "V2 format"),
    ],
)
def test_what_is_no_version(names: set[str], version: str | None, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        version_files(TABLE, names, version)


def test_the_newest_metadata_of_an_iceberg_table() -> None:
    def found(*names: str) -> str:
        stats = [Stat(url=f"{TABLE}/metadata/{name}", bytes=1) for name in names]
        return metadata_files(TABLE, stats).name

    assert found("v9.metadata.json", "v10.metadata.json", "snap-1.avro", "version-hint.text") == "v10.metadata.json"
    assert found(f"00001-{UUID}.metadata.json", f"00002-{UUID}.gz.metadata.json").startswith("00002")
    with pytest.raises(InvalidRequest, match="two metadata files have the highest number"):
        found(f"00002-{UUID}.metadata.json", f"00002-0{UUID[1:]}.metadata.json")
    with pytest.raises(InvalidRequest, match="no metadata of an Iceberg table"):
        found("snap-1.avro")


def test_a_table_is_called_by_its_folder() -> None:
    assert table_name(TABLE) == "qa"
    assert table_name(TABLE.at(f"metadata/00002-{UUID}.metadata.json")) == "qa"
