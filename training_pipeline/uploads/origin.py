"""What is on record of something that was fetched from a bucket: what it was, which version, and when."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Origin(BaseModel):
    """Where an upload was fetched from. `version` is a table's version or snapshot; of a file what the bucket says."""

    model_config = ConfigDict(frozen=True)

    url: str
    kind: str
    version: str = ""
    etag: str = ""
    bytes: int
    fetched_at: str

    def metadata(self) -> dict[str, str]:
        """What the head of a training sheet says of it."""
        said = {
            "imported_from_url": self.url,
            "imported_version": self.version,
            "imported_etag": self.etag,
            "imported_bytes": str(self.bytes),
            "fetched_at": self.fetched_at,
        }
        return {name: value for name, value in said.items() if value}


def fetched_now(url: str, kind: str, *, version: str, size: int, etag: str = "") -> Origin:
    """The origin of files of `size` bytes together that were fetched now."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    return Origin(url=url, kind=kind, version=version, etag=etag, bytes=size, fetched_at=moment)
