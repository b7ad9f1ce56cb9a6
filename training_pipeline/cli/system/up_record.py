"""On record in the state directory: which processes run the system, so that they are found after a crash as well."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training_pipeline.infra.processes import ProcessIdentity
from training_pipeline.settings import Settings


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
        """This record, after it was written atomically."""
        fresh = record_file(settings).with_suffix(".new")
        fresh.write_text(self.model_dump_json(indent=2))
        fresh.replace(record_file(settings))
        return self


def record_file(settings: Settings) -> Path:
    """Where the record is kept."""
    return settings.state_dir / "up.json"


def read_record(settings: Settings) -> Record | None:
    """The record of the system that runs or last ran, else None. Reads only."""
    try:
        return Record.model_validate_json(record_file(settings).read_bytes())
    except FileNotFoundError:
        return None
