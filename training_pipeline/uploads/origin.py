"""What is on record of something that was fetched from a bucket: what it was, which version, and when."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from training_pipeline.uploads.remote.copying import Stat


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
        """What the head of a training sheet says of it. Pure."""
        said = {
            "imported_from_url": self.url,
            "imported_version": self.version,
            "imported_etag": self.etag,
            "imported_bytes": str(self.bytes),
            "fetched_at": self.fetched_at,
        }
        return {name: value for name, value in said.items() if value}


def of_file(stat: Stat) -> Origin:
    """The origin of one file, fetched now."""
    version = stat.version or stat.etag
    return Origin(url=stat.url, kind="file", version=version, etag=stat.etag, bytes=stat.bytes, fetched_at=_now())


def of_table(url: str, kind: str, version: str, size: int) -> Origin:
    """The origin of a table of which files of `size` bytes together were fetched now."""
    return Origin(url=url, kind=kind, version=version, bytes=size, fetched_at=_now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
