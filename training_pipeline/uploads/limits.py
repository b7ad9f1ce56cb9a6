"""How much an upload may be, and may become."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class UploadLimits(BaseModel):
    """The limits of one upload, of one person's uploads, and of the process that reads one."""

    model_config = ConfigDict(frozen=True)

    bytes: int = Field(100 * 2**20, ge=1)
    unpacked_bytes: int = Field(2**30, ge=1)
    #: Most times its own size that a file may unpack to.
    ratio: int = Field(200, ge=1)
    rows: int = Field(1_000_000, ge=1)
    columns: int = Field(1000, ge=1)
    #: Characters of one cell.
    cell: int = Field(2**20, ge=1)
    at_once: int = Field(4, ge=1)
    #: Bytes that one person's uploads may take together.
    user_bytes: int = Field(2**30, ge=1)
    memory_bytes: int = Field(4 * 2**30, ge=1)
    #: Until an upload has arrived, and until the process that reads it has ended.
    seconds: float = Field(300.0, gt=0)
    kept_seconds: float = Field(3600.0, gt=0)
