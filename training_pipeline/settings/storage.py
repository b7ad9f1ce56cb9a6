"""Where state is kept: directories and the database."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


def default_state_dir() -> Path:
    """The default state directory: /var/lib for root, else in the clone, else in the user's state directory.

    Root gets /var/lib because PostgreSQL then runs as a system user, which must be able to reach its data directory.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/training_pipeline")
    clone = Path(__file__).resolve().parents[2]
    if (clone / "pyproject.toml").exists():
        return clone / ".training_pipeline"
    return Path.home() / ".local" / "state" / "training_pipeline"


class StorageSettings(BaseModel):
    """Where state is kept."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Absolute directory for all state: database, datasets, runs, models, Dagster's home.",
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL. If unset, an embedded PostgreSQL runs in the state directory."
    )
    database_password_command: str | None = Field(
        None,
        min_length=1,
        description="Command that prints the password for `DATABASE_URL`, which then has none, as JSON with `password` "
        "and `expires_at`. It is run again before that expires. For Lakebase: `training-pipeline databricks "
        "database-password INSTANCE`.",
    )
    shared_storage: bool = Field(
        False,
        description="Let this state directory join the installation that owns the database: its `datasets/`, "
        "`snapshots/`, `keys/` and `runs/` are on storage that both share.",
    )
    sheets_dir: Path | None = Field(
        None, description="Directory of training sheets. Default: `sheets/` in the state directory."
    )
    models_dir: Path | None = Field(
        None, description="Directory of base models for the local backend. Default: `models/` in the state directory."
    )
    min_free_disk_mb: int = Field(
        1024,
        ge=0,
        description="Free space of the state directory, in MiB, below which `/readyz` reports it and answers 503.",
    )

    @field_validator("state_dir", "sheets_dir", "models_dir", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():  # it would be the working directory
            raise ValueError("expected a directory; leave it unset for the default")
        return value

    @field_validator("state_dir", "sheets_dir", "models_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def sheets(self) -> Path:
        """Directory of the user's training sheets."""
        return self.sheets_dir or self.state_dir / "sheets"

    @property
    def models(self) -> Path:
        """Base models on this machine, each a directory with a config.json."""
        return self.models_dir or self.state_dir / "models"

    @property
    def dagster_home(self) -> Path:
        """Dagster's home, into which `up` links the package's dagster.yaml."""
        return self.state_dir / "dagster"

    @property
    def datasets(self) -> Path:
        """Prepared datasets, each in a directory named by its digest."""
        return self.state_dir / "datasets"

    @property
    def snapshots(self) -> Path:
        """Verdicts on the pairs of a training sheet at one moment; no text."""
        return self.state_dir / "snapshots"

    @property
    def hash_keys(self) -> Path:
        """Keys of hashes: apart from what they are for, so that a backup of that has none of them."""
        return self.state_dir / "keys"

    @property
    def suites(self) -> Path:
        """Evaluation suites, each in a directory named by its digest; no text."""
        return self.state_dir / "suites"

    @property
    def uploads(self) -> Path:
        """Uploaded files that are no training sheets yet; each is deleted after an hour."""
        return self.state_dir / "uploads"

    @property
    def sheet_rows(self) -> Path:
        """Verdicts on the pairs of training sheets that somebody looked at; no text."""
        return self.state_dir / "sheet_rows"

    @property
    def sheet_findings(self) -> Path:
        """What was found out about versions of training sheets: counts and ids."""
        return self.state_dir / "sheet_findings"

    @property
    def plans(self) -> Path:
        """Compiled queries of the rules; they hold nothing of any training sheet."""
        return self.state_dir / "plans"

    @property
    def runs(self) -> Path:
        """Working directories of local training runs."""
        return self.state_dir / "runs"

    @property
    def machine_speed(self) -> Path:
        """What `jobs advise --probe` measured."""
        return self.state_dir / "machine_speed.json"

    @property
    def logs(self) -> Path:
        """Logs of the processes that `up` starts, and tracebacks of unexpected errors."""
        return self.state_dir / "logs"
