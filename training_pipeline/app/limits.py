"""The limits of uploads and of the playground, made of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psutil

from training_pipeline.backends.asking import AskLimits
from training_pipeline.settings import Settings

#: The models of a question have so long, however long it waited.
_LEAST_SECONDS: Final = 5.0

if TYPE_CHECKING:
    from training_pipeline.uploads.imports import SheetImports


def imports_of(settings: Settings) -> SheetImports:
    """What makes training sheets of uploads. Reads and writes nothing yet."""
    # Readers of every format, which no run, sensor or other command needs.
    from training_pipeline.uploads.imports import SheetImports
    from training_pipeline.uploads.limits import UploadLimits
    from training_pipeline.uploads.staging import Uploads

    limits = UploadLimits(
        bytes=settings.upload_max_bytes,
        unpacked_bytes=settings.upload_max_unpacked_bytes,
        ratio=settings.upload_max_ratio,
        rows=settings.upload_max_rows,
        columns=settings.upload_max_columns,
        cell=settings.upload_max_cell_characters,
        at_once=settings.uploads_at_once,
        user_bytes=settings.upload_user_bytes,
        memory_bytes=settings.upload_memory_mb * 2**20,
        seconds=settings.upload_seconds,
    )
    sheets = settings.sheets if settings.sheet_source == "files" else None
    uploads, prefixes = Uploads(settings.uploads, limits), settings.import_prefixes
    return SheetImports(uploads, sheets, settings.gate_policy, prefixes=prefixes, plans=settings.plans)


def playground_limits(settings: Settings) -> AskLimits:
    """How long a question of the playground may wait and take, within a request, how much memory, and how many do."""
    half = psutil.virtual_memory().total // 2**21
    within = max(_LEAST_SECONDS, settings.api_request_seconds - 5)
    return AskLimits(
        seconds=min(settings.playground_seconds, within),
        memory_mb=settings.playground_memory_mb or half,
        at_once=settings.playground_at_once,
        waiting=settings.playground_waiting,
        wait_seconds=min(settings.playground_wait_seconds, within - _LEAST_SECONDS),
        within_seconds=within,
    )
