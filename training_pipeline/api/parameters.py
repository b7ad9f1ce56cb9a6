"""Parameters that several routes take: ids in paths, pages of lists, and the key of a request that may be repeated."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query

from training_pipeline.domain import job_id
from training_pipeline.schemas.paging import MOST_ROWS

JobId = Annotated[
    str,
    Path(pattern=job_id.PATTERN, description="Id of the training job.", examples=["tj-20261123-072145-9f3a2c"]),
]
SheetId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="Id of the training sheet.", examples=["sheet-123"]),
]
PageNumber = Annotated[
    int | None, Query(ge=1, le=100_000, description="Number of the page, from 1; not with a cursor.", examples=[1])
]
PageRows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Maximum number of rows per page.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(
        max_length=10_000,  # one may hold the id of a pair
        description="The `next_cursor` of the previous page. No row is skipped or repeated while others are added.",
        examples=["eyJpZCI6NDcxMX0"],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description=(
            "A repeated request with the same key and body gets the first answer again, for at least 24 hours."
        ),
        examples=["3f0c8f7e-2c55-4b6f-9d1e-0a4f7a3b9c11"],
    ),
]
