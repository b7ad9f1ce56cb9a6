"""On record in the state directory: which processes run the system, so that they are found after a crash as well."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from training_pipeline.infra.files import replace_file
from training_pipeline.infra.processes import ProcessIdentity
from training_pipeline.settings import Settings

_log = logging.getLogger(__name__)


class Child(BaseModel):
    """A process that `up` started, the leader of its process group."""

    model_config = ConfigDict(frozen=True)

    name: str
    process: ProcessIdentity
    log: Path


class Record(BaseModel):
    """Which processes run the system, where and since when; stored in the state directory, also after a crash."""

    model_config = ConfigDict(frozen=True)

    up: ProcessIdentity
    since: datetime
    url: str
    api_url: str = ""
    read_only_url: str = ""
    children: tuple[Child, ...] = ()

    def latest(self) -> tuple[Child, ...]:
        """The last started process of each name, without those that it replaced and whose own children may live."""
        return tuple({child.name: child for child in self.children}.values())

    def stored(self, settings: Settings) -> Record:
        """This record, after it was written atomically and is on disk; raises `OSError`."""
        replace_file(record_file(settings), self.model_dump_json(indent=2).encode())
        return self


def record_file(settings: Settings) -> Path:
    """Where the record is kept."""
    return settings.state_dir / "up.json"


def read_record(settings: Settings) -> Record | None:
    """The record of the system that runs or last ran, else None. Reads only. A broken one is none, and is warned of."""
    file = record_file(settings)
    try:
        return Record.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        _log.warning(
            "%s is broken, so it is not known what `training-pipeline up` started last: look whether something of it "
            "still runs",
            file,
        )
        return None
