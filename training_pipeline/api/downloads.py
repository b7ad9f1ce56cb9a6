"""Files as responses: what routes and pages answer a download with."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi.responses import StreamingResponse

from training_pipeline.app.heavy_reads import AT_ONCE
from training_pipeline.client.audit.archive import MEDIA_TYPE, file_name
from training_pipeline.models.versions.download import Download

#: The threads in which archives are made, of each event loop.
_threads: Final[RunVar[CapacityLimiter]] = RunVar("audit-threads")


class Archive(StreamingResponse):
    """A ZIP archive, made while it is sent."""

    media_type = MEDIA_TYPE

    def __init__(self, pieces: Iterator[bytes], of: str) -> None:
        super().__init__(
            _in_threads(pieces), headers={"Content-Disposition": f'attachment; filename="{file_name(of)}"'}
        )


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, made in threads of which all archives together have few."""
    try:
        limiter = _threads.get()
    except LookupError:
        limiter = CapacityLimiter(AT_ONCE)
        _threads.set(limiter)
    while (piece := await to_thread.run_sync(next, pieces, None, limiter=limiter)) is not None:
        yield piece


class ModelFileBytes(StreamingResponse):
    """A file of a model, read while it is sent. One that turns out to be another breaks off before its end."""

    media_type = "application/octet-stream"

    def __init__(self, found: Download) -> None:
        name = quote(found.name.rpartition("/")[2])
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Length": str(found.size),
            "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(found.sha256)).decode()}:",
        }
        super().__init__(iter(found), headers=headers)
