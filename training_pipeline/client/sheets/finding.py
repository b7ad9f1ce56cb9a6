"""What was found out about a training sheet, for who looks at it: its pairs are read only where nobody found it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from training_pipeline.app.container import Services
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.base import OpenSheet

Found = TypeVar("Found", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Finding(Generic[Found]):
    """What was found out about a version of a training sheet."""

    sheet: TrainingSheet
    digest: str
    found: Found


def finding(
    services: Services,
    sheet_id: str,
    model: type[Found],
    make: Callable[[OpenSheet, Withdrawn], Found],
    *,
    told: str = "",
) -> Finding[Found]:
    """What was found out of this kind about the sheet as it is, or else what `make` finds out now, which is kept.

    `told` is whatever else the finding depends on. Raises what opening the sheet and `make` do.
    """
    withdrawn, findings = services.revocations.withdrawn(sheet_id), services.sheet_findings
    at = services.known_versions.look(sheet_id)
    if at is not None and at.digest is not None:
        kept = findings.known(model, at.digest, withdrawn=withdrawn, told=told)
        if kept is not None:
            return Finding(at.sheet, at.digest, kept)
    with services.known_versions.open(sheet_id) as opened:
        kept = findings.known(model, opened.digest, withdrawn=withdrawn, told=told)
        made = make(opened, withdrawn) if kept is None else kept
    # Only now is it known that what was found out is about what the digest is of: else closing the sheet has raised.
    if kept is None:
        findings.keep(made, opened.digest, withdrawn=withdrawn, told=told)
    return Finding(opened.sheet, opened.digest, made)


def judged_digest(services: Services, sheet_id: str, withdrawn: Withdrawn) -> str:
    """The version of the sheet as it is, whose rows are kept, judged. Raises what opening the sheet does."""
    at = services.known_versions.look(sheet_id)
    if at is not None and at.digest is not None and services.sheet_rows.has(sheet_id, at.digest, withdrawn):
        return at.digest
    return services.sheet_rows.judge(services.known_versions.open(sheet_id), withdrawn)
