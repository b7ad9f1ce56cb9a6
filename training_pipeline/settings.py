"""Every setting, one class. A field is the environment variable `TRAINING_PIPELINE_<FIELD>`, or a line in `.env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TRAINING_PIPELINE_"
#: A table's full name in three parts.
_TABLE = r"^[^.`\s]+\.[^.`\s]+\.[^.`\s]+$"


def default_state_dir() -> Path:
    """Where state lives unless it is set: /var/lib for root, else in the clone, else in the user's state directory.

    Root gets /var/lib because PostgreSQL then runs as a system user, which must be able to reach its data directory.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/training_pipeline")
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").exists():
        return clone / ".training_pipeline"
    return Path.home() / ".local" / "state" / "training_pipeline"


class Settings(BaseSettings):
    """The settings of one installation. Immutable; made once by each entry point and passed down."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore")

    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Absolute directory of everything stored here: database, datasets, runs, models, Dagster's home.",
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL; where unset, a PostgreSQL of our own runs in the state directory."
    )
    sheets_dir: Path | None = Field(None, description="Training sheets as files; `sheets/` in the state directory.")
    sheet_source: Literal["files", "unity_catalog"] = Field(
        "files", description="Where training sheets are read from: files, or tables of Unity Catalog."
    )
    uc_sheets_table: str | None = Field(
        None,
        pattern=_TABLE,
        description="Table of training sheets, as main.training.training_sheets; needed for `unity_catalog`.",
    )
    uc_pairs_table: str | None = Field(
        None, pattern=_TABLE, description="Table of Q&A pairs, as main.training.qa_pairs; needed for `unity_catalog`."
    )
    uc_sheet_columns: dict[str, str] = Field(
        {}, description="Columns of the table of training sheets that are called otherwise, as JSON."
    )
    uc_pair_columns: dict[str, str] = Field(
        {}, description='Columns of the table of pairs that are called otherwise, as {"status": "verdict"}.'
    )
    databricks_warehouse_id: str | None = Field(
        None, pattern=r"^[\w-]+$", description="SQL warehouse that judges the pairs; needed for `unity_catalog`."
    )
    databricks_sql_seconds: float = Field(
        1800.0, gt=0, description="Longest time of one SQL statement, the start of the warehouse included."
    )
    models_dir: Path | None = Field(
        None, description="Directory of base models for the local backend; `models/` in the state directory."
    )
    backend: Literal["local", "databricks"] = Field("local", description="Where fine-tuning runs.")
    backend_patience_hours: float = Field(
        24.0,
        gt=0,
        description="How long a job waits for a backend that does not answer or refuses our credentials.",
    )
    databricks_volume: str | None = Field(
        None,
        pattern=r"^[^./\s]+\.[^./\s]+\.[^./\s]+$",
        description="Unity Catalog volume for datasets and results, as main.ml.training; needed for `databricks`.",
    )
    databricks_workspace_dir: str | None = Field(
        None,
        pattern=r"^/Workspace/.*[^/]$",
        description="Workspace folder for programs and MLflow experiments; one in the user's own folder where unset.",
    )
    databricks_accelerator: Literal["GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300"] | None = Field(
        None, description='What "auto" means where it holds the base model; else the smallest that does.'
    )
    databricks_environment_version: str = Field("4", description="Version of the serverless environment of a run.")
    databricks_usage_policy_id: str | None = Field(None, description="Serverless usage policy that runs are billed to.")
    databricks_budget_policy_id: str | None = Field(None, description="The same by its older name, budget policy.")
    databricks_models_file: Path | None = Field(
        None, description="JSON file of base models that adds to those on offer, or replaces them."
    )
    databricks_http_timeout_seconds: int = Field(30, ge=1, description="Seconds until a request is given up.")
    databricks_retry_seconds: int = Field(
        20, ge=1, description="Seconds in which a request is repeated; a wrong host is told of after them."
    )
    min_pairs: int = Field(10, ge=2, description="A sheet of which fewer pairs may be trained on is refused.")
    instruction_prompt_items: int = Field(
        20, ge=1, description="A prompt put to more items than this is an instruction: it ties and holds out nothing."
    )
    duckdb_memory_limit: str = Field("1GB", description="Memory DuckDB may use before it spills to disk, as 1GB.")
    duckdb_threads: int | None = Field(None, ge=1, description="Threads DuckDB uses; all cores where unset.")
    local_slots: int = Field(1, ge=1, description="Jobs that train on this machine at the same time.")
    local_resumes: int = Field(2, ge=0, description="How often a trainer that died is resumed from its checkpoint.")
    local_trainer: str | None = Field(
        None,
        description="Command that runs the training program where it lives in another environment, as "
        '"/opt/train/bin/python -m training_pipeline.sft"; it is given the path of its configuration.',
    )
    cancel_grace_seconds: float = Field(20.0, gt=0, description="Time a trainer has to stop before it is killed.")
    max_attempts: int = Field(3, ge=1, description="Launch or finish runs of one job before an interruption fails it.")
    run_grace_seconds: float = Field(
        30.0, ge=0, description="A launch or finish run without its lock for this long is taken for dead."
    )
    poll_seconds: int = Field(5, ge=1, description="Least seconds between two looks at the backends.")
    poll_threads: int = Field(
        16,
        ge=1,
        le=64,
        description="Jobs that are looked at in the same moment: at 100 ms an answer, 1,000 jobs in 15 s.",
    )
    webserver_host: str = Field(
        "127.0.0.1", description="Address that the Dagster UI listens on: one of this machine alone."
    )
    webserver_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI.")
    read_only_host: str | None = Field(
        None,
        description="Address of a second, read-only Dagster UI for others, such as 0.0.0.0; none where unset.",
    )
    read_only_port: int = Field(3001, ge=1, le=65535, description="Port of the read-only Dagster UI.")
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        description="Where people reach the Dagster UI, for links; where unset, host and port of the webserver.",
    )
    retrain_cron: str = Field(
        "0 6 * * 1",
        pattern=r"^\s*(\S+\s+){4}\S+\s*$",
        description="When the schedule `retrain_changed_sheets` looks at the sheets: a cron expression of five fields.",
    )
    retrain_timezone: str = Field("UTC", description="Timezone of that cron, as Europe/Zurich.")
    model_fresh_days: float = Field(
        90.0, gt=0, description="A model that was registered longer ago is shown as stale; warned of at 4/5 of that."
    )
    alert_pending_minutes: float = Field(
        15.0, gt=0, description="A training job that is pending for longer is told to the alert targets."
    )
    alert_webhook_url: SecretStr | None = Field(None, description="Alerts are posted here as JSON.")
    alert_slack_url: SecretStr | None = Field(
        None, description="Incoming webhook of Slack, or of anything that takes the same, to which alerts are posted."
    )
    alert_smtp_url: SecretStr | None = Field(
        None, description="Mail server for alerts, as smtp://user:password@host:587 (STARTTLS) or smtps://…:465."
    )
    alert_email_from: str | None = Field(None, description="Sender of alerts by mail.")
    alert_email_to: str | None = Field(None, description="Receivers of alerts by mail, separated by commas.")
    api_host: str = Field("127.0.0.1", description="Address that the REST API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port of the REST API.")
    api_max_body_bytes: int = Field(2**20, ge=1024, description="A request with a larger body is refused.")
    api_request_seconds: float = Field(60.0, gt=0, description="A request that takes longer is answered with 503.")
    auth: Literal["none", "token"] = Field(
        "none",
        description="Who may use the REST API: with `none` everybody on this machine, as an admin; with `token` "
        "whoever has one that `training-pipeline tokens create` made.",
    )
    local_user: str = Field(
        "local", min_length=1, max_length=128, description="The actor of requests where `auth` is `none`."
    )
    api_public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s@]+$",
        description="Where browsers find the REST API and pages behind a proxy, as https://train.example.org.",
    )
    api_trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of proxies, with commas, whose X-Forwarded-For and -Proto are believed.",
    )
    api_cors_origins: str | None = Field(
        None,
        pattern=r"^https?://[^/\s,*]+(\s*,\s*https?://[^/\s,*]+)*$",
        description="Origins of other pages that may call the REST API from a browser, with commas, as "
        "https://portal.example.org.",
    )
    api_requests_per_second: float = Field(
        200.0, gt=0, description="Requests that one caller may send for long; ten times as many at once."
    )
    api_failures_per_minute: float = Field(
        30.0, gt=0, description="Requests without a good token that one address may send; as many at once."
    )
    mlflow_tracking_uri: SecretStr | None = Field(
        None, description="MLflow server; where unset, MLflow's tables in our own database."
    )
    mlflow_experiment: str = Field("training_pipeline", description="MLflow experiment of the jobs' runs.")

    @field_validator("state_dir", "sheets_dir", "models_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("retrain_timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is not the name of a timezone, such as Europe/Zurich") from None
        return value

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Settings:
        mail = ("alert_smtp_url", "alert_email_from", "alert_email_to")
        missing = [name for name in mail if getattr(self, name) is None]
        if missing and len(missing) < len(mail):
            raise ValueError(f"alerts by mail also need {', '.join(PREFIX + name.upper() for name in missing)}")
        return self

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of other pages that may call the REST API from a browser."""
        return tuple(origin.strip().lower() for origin in (self.api_cors_origins or "").split(",") if origin.strip())

    @property
    def trusted_origins(self) -> frozenset[str]:
        """Origins whose pages may make a browser change things here: those, and our own behind a proxy."""
        return frozenset({*self.cors_origins, *({self.api_public_url.lower()} if self.api_public_url else ())})

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
    def runs(self) -> Path:
        """Working directories of local training runs."""
        return self.state_dir / "runs"

    @property
    def logs(self) -> Path:
        """Logs of the processes that `up` starts, and tracebacks of errors nobody foresaw."""
        return self.state_dir / "logs"
