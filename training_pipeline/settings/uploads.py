"""What an upload may hold, what reading it may take, and which buckets may be imported from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training_pipeline.domain.bucket_location import BucketLocation, locations_in
from training_pipeline.settings.longest import YEAR_SECONDS


class UploadSettings(BaseModel):
    """Uploads."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    upload_max_bytes: int = Field(100 * 2**20, ge=1024, description="Maximum size of an uploaded file in bytes.")
    upload_max_unpacked_bytes: int = Field(
        2**30, ge=2**20, description="Maximum size of an uploaded file once it is unpacked, in bytes."
    )
    upload_max_ratio: int = Field(
        200,
        ge=1,
        description="Maximum ratio of the unpacked size of an uploaded file to its own size; 1 MiB is always allowed.",
    )
    upload_max_rows: int = Field(1_000_000, ge=1, description="Maximum number of rows of an uploaded file.")
    upload_max_columns: int = Field(1000, ge=1, description="Maximum number of columns of an uploaded file.")
    upload_max_cell_characters: int = Field(
        2**20, ge=1, description="Maximum number of characters in one cell of an uploaded file."
    )
    upload_user_bytes: int = Field(
        2**30,
        ge=1024,
        description="Maximum total size in bytes of one person's uploads that are not yet a training sheet.",
    )
    upload_memory_mb: int = Field(
        4096,
        ge=1024,
        description="Memory, in MiB, of each process that reads an uploaded file or a table, or fetches one.",
    )
    upload_seconds: float = Field(
        300.0,
        gt=0,
        le=YEAR_SECONDS,
        description="Time limit in seconds for an upload to arrive, and again for a process to read it.",
    )
    uploads_at_once: int = Field(
        4,
        ge=1,
        description="Number of uploads that are received or read at the same time, of which one person has at most all "
        "but one.",
    )
    import_from: str | None = Field(
        None,
        description=(
            "Bucket prefixes that may be imported from with this machine's own credentials, separated by "
            "commas, such as s3://acme-exports/reviewed; catalog://NAME permits an Iceberg catalog. Default: "
            "none."
        ),
    )

    @field_validator("import_from")
    @classmethod
    def _prefixes_of_buckets(cls, value: str | None) -> str | None:
        locations_in(value or "")
        return value

    @property
    def import_prefixes(self) -> tuple[BucketLocation, ...]:
        """What may be imported from buckets lies below these."""
        return locations_in(self.import_from or "")
