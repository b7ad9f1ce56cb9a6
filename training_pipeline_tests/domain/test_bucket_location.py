from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.bucket_location import (
    BadLocation,
    BucketLocation,
    is_url,
    locations_in,
    may_be_read,
    parse_location,
)

AZURE = "abfss://box@acme.dfs.core.windows.net"
BUCKETS = st.sampled_from(["s3://acme", "s3://acme-evil", "s3://acm", "gs://acme", "az://acme", AZURE])
NAMES = st.text("ab.-_%2fFé @=", min_size=1, max_size=5).filter(lambda name: name not in {".", ".."})
PARTS = st.lists(NAMES, min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("url", "scheme", "bucket", "key", "path", "account"),
    [
        ("s3://acme/in/a.csv", "s3", "acme", "in/a.csv", "acme/in/a.csv", None),
        ("S3A://acme/in/table/", "s3", "acme", "in/table", "acme/in/table", None),
        ("gcs://a.b_c/x%20y=1/é", "gs", "a.b_c", "x%20y=1/é", "a.b_c/x%20y=1/é", None),
        (f"{AZURE}/t/x", "abfss", "box@acme.dfs.core.windows.net", "t/x", "box/t/x", "acme"),
        ("abfs://box@acme.dfs.core.windows.net/x", "abfss", "box@acme.dfs.core.windows.net", "x", "box/x", "acme"),
        ("az://box/x", "az", "box", "x", "box/x", None),
    ],
)
def test_what_people_write(url: str, scheme: str, bucket: str, key: str, path: str, account: str | None) -> None:
    found = parse_location(url)
    assert (found.scheme, found.bucket, found.key, found.path, found.account) == (scheme, bucket, key, path, account)
    assert parse_location(str(found)) == found
    assert found.name == key.rpartition("/")[2]


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/latest/meta-data", "https://acme.s3.amazonaws.com/a", "file:///etc/passwd", "a.csv"),
        *("s3:/acme/a", "s3:acme/a", "//acme/a", "s3://", "s3:///a", "s3://acme", "s3://acme/", "memory://acme/a"),
        *("s3://169.254.169.254/latest", "s3://10.1/x", "s3://Acme/a", "s3://acme@evil/a", "s3://acme:80/a"),
        *("s3://ac..me/a", "s3://acme%2f..%2fevil/a", "s3://-acme/a", "s3://arn:aws:s3:eu:1:accesspoint/a"),
        *("s3://acme/../evil/a", "s3://acme/a/./b", "s3://acme//a", "s3://acme/a//b", "s3://acme/a\\..\\b"),
        *(
            "s3://acme/a?versionId=1",
            "s3://acme/a#b",
            "s3://acme/*",
            "s3://acme/[a]",
            "s3://acme/a\nb",
            "s3://acme/a\0",
        ),
        *("s3://acme/a\u202eb", "s3://acme/\ud800", "s3://acme/" + "a" * 1025, "s3::memory://acme/a", "s3+x://acme/a"),
        *("abfss://box@evil.example.org/a", "abfss://box/a", "abfss://box@acme.dfs.core.windows.net.evil.org/a"),
        *("abfss://box@acme.evil.org/x.dfs.core.windows.net/a", "abfss://box@a@acme.dfs.core.windows.net/a"),
    ],
)
def test_what_is_no_location(url: str) -> None:
    with pytest.raises(BadLocation):
        parse_location(url)


def test_only_somebody_at_this_machine_names_its_files() -> None:
    assert str(parse_location("file:///data/t/", this_machine=True)) == "file:///data/t"
    assert parse_location("file:/data/t", this_machine=True).path == "/data/t"
    for url in ("file://host/data", "file:///data/../etc", "file:///"):
        with pytest.raises(BadLocation):
            parse_location(url, this_machine=True)


def test_a_list_of_prefixes() -> None:
    assert locations_in(" s3://acme/in/ ,, gs://other ") == (
        BucketLocation("s3", "acme", "in"),
        BucketLocation("gs", "other", ""),
    )
    for listed in ("s3://", "*", "s3://acme/*", "s3://acme, file:///data", "https://acme"):
        with pytest.raises(BadLocation):
            locations_in(listed)
    assert is_url("s3://a")
    assert not is_url("C:\\a.csv")
    assert not is_url("a:b.csv")


@given(BUCKETS, PARTS, BUCKETS, st.lists(NAMES, max_size=3))
def test_a_prefix_covers_whole_names_and_nothing_else(
    bucket: str, parts: list[str], other: str, prefix: list[str]
) -> None:
    location = parse_location("/".join((bucket, *parts)))
    allowed = parse_location("/".join((other, *prefix)), whole_bucket=True)
    covered = bucket == other and parts[: len(prefix)] == prefix
    assert may_be_read(location, [allowed]) is covered
    assert not may_be_read(location, [])
    assert may_be_read(location, [allowed, location])


INSIDE = "s3://acme/in/reviewed/a.csv"
CHANGES = st.sampled_from(
    ["/", "//", "..", "../", "/../", "%2e%2e/", "%2F", "\\", "-evil", "@", ":", "?", "#", "\u2044", "A", "", "\uff0f"]
) | st.text(max_size=3)


@given(st.integers(0, len(INSIDE)), CHANGES, st.integers(0, 3))
def test_no_disguise_of_a_url_gets_past_a_prefix(place: int, change: str, cut: int) -> None:
    """Whatever is changed in a URL, what is read lies letter by letter below the prefix, or nothing is read."""
    prefix = parse_location("s3://acme/in/reviewed")
    try:
        found = parse_location(INSIDE[:place] + change + INSIDE[place + cut :])
    except BadLocation:
        return
    if may_be_read(found, [prefix]):
        assert found.path == prefix.path or found.path.startswith(prefix.path + "/")
        assert ".." not in found.path.split("/")


@given(PARTS, st.text(max_size=12))
def test_what_lies_below_stays_below(parts: list[str], relative: str) -> None:
    table = parse_location("s3://acme/" + "/".join(parts))
    try:
        found = table.at(relative)
    except BadLocation:
        return
    assert found.is_within(table)
    assert found != table
