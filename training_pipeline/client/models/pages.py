"""Pages of registered model versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.schemas import paging
from training_pipeline.schemas.model_version import ModelVersion, ModelVersionPage, fields_of

if TYPE_CHECKING:
    from training_pipeline.domain.model_version import VersionState
    from training_pipeline.models.versions.versions import ModelVersions


def version_page(
    versions: ModelVersions,
    *,
    name: str | None,
    alias: str | None,
    state: VersionState | None,
    sheet: str | None,
    page: int | None,
    page_size: int,
    cursor: str | None,
) -> ModelVersionPage:
    """The model versions of one page. Raises `InvalidParameter` for a cursor that leads nowhere."""
    window = paging.Window.of(paging.JobPosition, page=page, page_size=page_size, cursor=cursor)
    found = versions.list(
        name=name,
        alias=alias,
        state=state,
        sheet=sheet,
        limit=window.limit,
        offset=window.offset,
        after=None if window.start is None else (window.start.created_at, window.start.id),
    )
    rows = found.versions
    further = window.next_cursor(rows, lambda last: paging.JobPosition(created_at=last.created_at, id=last.job_id))
    return ModelVersionPage(
        model_versions=[ModelVersion.model_validate(fields_of(one)) for one in window.shown(rows)],
        total=found.total,
        page=window.page,
        page_size=page_size,
        next_cursor=further,
        aliases_unavailable=found.aliases_unavailable,
    )
