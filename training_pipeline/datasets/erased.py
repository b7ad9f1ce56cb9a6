"""Datasets whose text was erased: the manifest stays, and a mark says when, by whom, and for which revocation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.refs import TRAIN, VALIDATION
from training_pipeline.infra.files import sync
from training_pipeline.infra.json_file import read_json, write_json

#: The mark, beside the manifest.
ERASED: Final = "erased.json"
TEXTS: Final = (TRAIN, VALIDATION)


class Erased(BaseModel):
    """That the text of a dataset was erased."""

    model_config = ConfigDict(frozen=True)

    revocation_id: str
    actor: str
    erased_at: datetime
    #: Why it was erased before a decision was due.
    early: str | None = None


def erased(path: Path) -> Erased | None:
    """The mark of the dataset in this directory; None where its text was not erased. Reads only."""
    stored = read_json(path / ERASED)
    return None if stored is None else Erased.model_validate(stored)


def erase_text(path: Path, mark: Erased) -> None:
    """Mark the dataset in this directory, and delete its text for good. May be repeated after a crash."""
    write_json(path / ERASED, mark.model_dump(mode="json"))
    for name in TEXTS:
        (path / name).unlink(missing_ok=True)
    sync(path)
