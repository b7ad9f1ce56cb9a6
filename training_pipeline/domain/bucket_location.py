"""Where a file or a table lies in a bucket, as people write it, and whether it may be read from there. No I/O.

Keys are taken letter by letter: nothing is decoded, so that no spelling of a key is another one's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

#: Other ways to write a scheme. All are read over TLS, unless the machine's own settings say otherwise.
_SCHEMES: Final = {
    "s3": "s3",
    "s3a": "s3",
    "s3n": "s3",
    "gs": "gs",
    "gcs": "gs",
    "abfss": "abfss",
    "abfs": "abfss",
    "az": "az",
}
_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>/.*)", re.DOTALL)
_CONTAINER: Final = r"[a-z0-9](?:-?[a-z0-9]){2,62}"
_BUCKETS: Final = {
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    "abfss": re.compile(rf"(?P<container>{_CONTAINER})@(?P<account>[a-z0-9]{{3,24}})\.dfs\.core\.windows\.net"),
    "az": re.compile(_CONTAINER),
}
#: A table of a catalog: `catalog://NAME/namespace.table`. Where its files lie, the catalog says.
CATALOG: Final = "catalog"
_CATALOG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_NUMBERS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
#: Letters that file systems for buckets take for a pattern, a version or a part of a URL.
_SPECIAL: Final = frozenset("?#*[]\\")
_LONGEST: Final = 1024
EXAMPLE: Final = "s3://acme-exports/reviewed/answers.csv"


class BadLocation(ValueError):
    """A text that is no place in a bucket; the message says why."""


@dataclass(frozen=True, slots=True)
class BucketLocation:
    """A file, a table or a folder. `bucket` has the account in it where it has one; `key` has no slash at its ends."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key; of a whole bucket its name."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def account(self) -> str | None:
        """The Azure storage account, where the location names one."""
        found = _BUCKETS[self.scheme].fullmatch(self.bucket) if self.scheme == "abfss" else None
        return None if found is None else found["account"]

    @property
    def path(self) -> str:
        """The location without its scheme and account, as file systems for buckets name it."""
        if self.scheme == "file":
            return f"/{self.key}"
        return f"{self.bucket.partition('@')[0]}/{self.key}"

    def at(self, relative: str) -> BucketLocation:
        """What lies below, at a path from here; raises `BadLocation`."""
        _check_key(relative)
        return replace(self, key=f"{self.key}/{relative}" if self.key else relative)

    def is_within(self, prefix: BucketLocation) -> bool:
        """Whether this is the prefix itself, or lies below it: whole names count, `a/b` is not within `a/bc`."""
        if (self.scheme, self.bucket) != (prefix.scheme, prefix.bucket):
            return False
        return not prefix.key or self.key == prefix.key or self.key.startswith(prefix.key + "/")


def is_url(text: str) -> bool:
    """Whether a text is meant as a URL rather than as a path of this machine."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def parse_location(
    text: str, *, whole_bucket: bool = False, this_machine: bool = False, catalog: bool = False
) -> BucketLocation:
    """The location that a text names; raises `BadLocation`.

    Only with `whole_bucket` the key may be missing, only with `this_machine` a `file:` URL is one, and only with
    `catalog` a table by the name that a catalog has for it.
    """
    found = _URL.fullmatch(text)
    if found is None:
        raise BadLocation(f"is not the URL of a bucket, such as {EXAMPLE}")
    scheme = found["scheme"].lower()
    if scheme == "file" and this_machine:
        return _of_this_machine(found["rest"])
    if scheme == CATALOG and catalog and found["rest"].startswith("//"):
        return _in_catalog(found["rest"][2:], whole_catalog=whole_bucket)
    if scheme not in _SCHEMES or not found["rest"].startswith("//"):
        known = ", ".join(f"{name}://" for name in dict.fromkeys(_SCHEMES.values()))
        raise BadLocation(f"begins with {scheme}:, which is not read from here; {known} are")
    scheme = _SCHEMES[scheme]
    bucket, _, key = found["rest"][2:].partition("/")
    _check_bucket(scheme, bucket)
    key = key.removesuffix("/")
    if not key and not whole_bucket:
        raise BadLocation("names a whole bucket; name a file or a table in it")
    if key:
        _check_key(key)
    return BucketLocation(scheme, bucket, key)


def locations_in(listed: str) -> tuple[BucketLocation, ...]:
    """The prefixes in a list with commas; raises `BadLocation`, naming the one that is none."""
    found = []
    for one in filter(None, map(str.strip, listed.split(","))):
        try:
            found.append(parse_location(one, whole_bucket=True, catalog=True))
        except BadLocation as error:
            raise BadLocation(f"'{one[:200]}' {error}") from None
    return tuple(found)


def may_be_read(location: BucketLocation, prefixes: Iterable[BucketLocation]) -> bool:
    """Whether one of the prefixes covers the location. Of no prefixes, none does."""
    return any(location.is_within(prefix) for prefix in prefixes)


def _in_catalog(rest: str, *, whole_catalog: bool) -> BucketLocation:
    name, _, table = rest.partition("/")
    if not _CATALOG.fullmatch(name):
        raise BadLocation(f"'{name[:80]}' is not the name of a catalog: letters, digits, '-' and '_'")
    if not table and whole_catalog:
        return BucketLocation(CATALOG, name, "")
    _check_key(table)
    if "/" in table or not all(table.split(".")) or "." not in table:
        raise BadLocation("must be of the form catalog://NAME/namespace.table")
    return BucketLocation(CATALOG, name, table)


def _of_this_machine(rest: str) -> BucketLocation:
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if path.startswith("//"):
        raise BadLocation("names another machine; a file: URL begins with file:///")
    key = path.strip("/")
    _check_key(key)
    return BucketLocation("file", "", key)


def _check_bucket(scheme: str, bucket: str) -> None:
    if _BUCKETS[scheme].fullmatch(bucket) and ".." not in bucket and not _NUMBERS.fullmatch(bucket):
        return
    if scheme == "abfss":
        raise BadLocation("must be of the form abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH")
    raise BadLocation(f"'{bucket[:80]}' is not the name of a bucket: lower-case letters, digits, '-' and '.'")


def _check_key(key: str) -> None:
    if len(key.encode(errors="surrogatepass")) > _LONGEST:
        raise BadLocation(f"is longer than {_LONGEST:,} bytes")
    if any(part in {"", ".", ".."} for part in key.split("/")):
        raise BadLocation("has an empty part, '.' or '..' between its slashes")
    for letter in key:
        if letter in _SPECIAL or unicodedata.category(letter) in {"Cc", "Cs", "Cf", "Zl", "Zp"}:
            raise BadLocation(f"has {letter!a} in it, which no location may have")
