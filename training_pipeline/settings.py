"""All settings in one class. A field is the environment variable `TRAINING_PIPELINE_<FIELD>`, or a line in `.env`."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from training_pipeline.domain.aliases import OnTaint
from training_pipeline.domain.rules.policy import GatePolicy, reliable_similarity
from training_pipeline.domain.workspace_access import AccessEntry

PREFIX = "TRAINING_PIPELINE_"
#: A table's full name in three parts.
_TABLE = r"^[^.`\s]+\.[^.`\s]+\.[^.`\s]+$"


def default_state_dir() -> Path:
    """The default state directory: /var/lib for root, else in the clone, else in the user's state directory.

    Root gets /var/lib because PostgreSQL then runs as a system user, which must be able to reach its data directory.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/training_pipeline")
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").exists():
        return clone / ".training_pipeline"
    return Path.home() / ".local" / "state" / "training_pipeline"


class Settings(BaseSettings):
    """The settings of one installation. Immutable; created once by each entry point and passed down."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore")

    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Absolute directory for all state: database, datasets, runs, models, Dagster's home.",
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL. If unset, an embedded PostgreSQL runs in the state directory."
    )
    shared_storage: bool = Field(
        False,
        description="Let this state directory join the installation that owns the database: its `datasets/`, "
        "`snapshots/` and `runs/` are on storage that both share.",
    )
    sheets_dir: Path | None = Field(
        None, description="Directory of training sheets. Default: `sheets/` in the state directory."
    )
    sheet_source: Literal["files", "unity_catalog"] = Field(
        "files", description="Source of training sheets: files, or tables in Unity Catalog."
    )
    uc_sheets_table: str | None = Field(
        None,
        pattern=_TABLE,
        description="Table of training sheets, such as main.training.training_sheets; required for `unity_catalog`.",
    )
    uc_pairs_table: str | None = Field(
        None,
        pattern=_TABLE,
        description="Table of Q&A pairs, such as main.training.qa_pairs; required for `unity_catalog`.",
    )
    uc_sheet_columns: dict[str, str] = Field(
        {}, description="Columns with other names in the table of training sheets, as JSON."
    )
    uc_pair_columns: dict[str, str] = Field(
        {}, description='Columns with other names in the table of pairs, such as {"status": "verdict"}.'
    )
    databricks_warehouse_id: str | None = Field(
        None,
        pattern=r"^[\w-]+$",
        description="SQL warehouse that reads and checks the pairs; required for `unity_catalog`.",
    )
    databricks_sql_seconds: float = Field(
        1800.0, gt=0, description="Time limit of one SQL statement, including the start of the warehouse."
    )
    models_dir: Path | None = Field(
        None, description="Directory of base models for the local backend. Default: `models/` in the state directory."
    )
    base_models: str | None = Field(
        None,
        description="Base models that the local backend may use beside those on offer: patterns of absolute paths and "
        "of Hugging Face ids with * and ?, separated by commas. Default: any; with AUTH=token any Hugging Face id and "
        "what was trained here.",
    )
    backend: Literal["local", "databricks"] = Field("local", description="Where fine-tuning runs.")
    backend_patience_hours: float = Field(
        24.0,
        gt=0,
        description="How long a job waits for a backend that does not answer or rejects the credentials.",
    )
    databricks_volume: str | None = Field(
        None,
        pattern=r"^[^./\s]+\.[^./\s]+\.[^./\s]+$",
        description="Unity Catalog volume for datasets and results, such as main.ml.training; required.",
    )
    databricks_workspace_dir: str | None = Field(
        None,
        pattern=r"^/Workspace/.*[^/]$",
        description="Workspace folder for programs and MLflow experiments. Default: in the user's own folder.",
    )
    databricks_accelerator: Literal["GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300"] | None = Field(
        None, description='Accelerator for "auto" if the base model fits on it; otherwise the smallest one it fits on.'
    )
    databricks_environment_version: str = Field("4", description="Version of the serverless environment.")
    databricks_image: str | None = Field(
        None,
        pattern=r"^[^\s:]+:[^\s:/]+$",
        description="Container image of the workers instead of Databricks' own: catalog.schema.image:tag in Unity "
        "Catalog, or organization/repository:tag of a registry.",
    )
    databricks_provisioned_capacity_id: str | None = Field(
        None, pattern=r"^\S+$", description="Reserved GPU capacity that runs are put on instead of shared capacity."
    )
    databricks_access_control_list: list[AccessEntry] = Field(
        [],
        description="Who else gets access, as JSON: a list of objects with one of user_name, group_name and "
        "service_principal_name, permission_level (CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE) for runs, and "
        "model_privileges (such as EXECUTE) for registered models.",
    )
    databricks_usage_policy_id: str | None = Field(None, description="Serverless usage policy that runs are billed to.")
    databricks_budget_policy_id: str | None = Field(None, description="Older name of the usage policy (budget policy).")
    price_file: Path | None = Field(
        None, description="YAML file with your prices of an hour of training, for estimates of the cost."
    )
    databricks_models_file: Path | None = Field(
        None, description="JSON file with base models to add to the catalogue, or to replace entries of it."
    )
    databricks_hf_token_secret: str | None = Field(
        None,
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="Databricks secret, as scope/key, with the Hugging Face token of the workers. It needs the "
        "permission of the owners of gated base models.",
    )
    databricks_retention_days: float | None = Field(
        None,
        ge=1,
        description="Days after which datasets and results in the volume that no job, model or lineage record needs "
        "are removed. Default: nothing is removed.",
    )
    databricks_http_timeout_seconds: int = Field(30, ge=1, description="Timeout of one request in seconds.")
    databricks_retry_seconds: int = Field(
        20,
        ge=1,
        description="Seconds to retry a failed request; a wrong host is only reported after them.",
    )
    min_pairs: int = Field(10, ge=2, description="Minimum number of eligible pairs of a training sheet.")
    instruction_prompt_items: int = Field(
        20,
        ge=1,
        description="A prompt used for more items than this is an instruction: it ties and holds out no pairs.",
    )
    near_question_similarity: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Questions at least so similar (0.8 to 1) are in the same split; 0 ties equal questions only.",
    )
    evaluate_near_questions: bool = Field(
        False,
        description="Evaluate a model on questions that nearly equal one it was trained on, and only report them.",
    )
    promotion_four_eyes: bool = Field(
        False,
        description="Move an alias only once two people have promoted the same version by the same gate. Everybody "
        "needs a token of their own.",
    )
    require_constraints_set_by: bool = Field(
        False,
        description="Refuse pairs of which nobody is recorded to have set the usage constraints "
        "(`constraints_set_by`), as `training_not_allowed`. Otherwise they are counted in a warning.",
    )
    duckdb_memory_limit: str = Field("1GB", description="Memory DuckDB may use before it spills to disk, such as 1GB.")
    duckdb_threads: int | None = Field(None, ge=1, description="Threads DuckDB uses. Default: all cores.")
    min_free_disk_mb: int = Field(
        1024,
        ge=0,
        description="Free space of the state directory, in MiB, below which `/readyz` says so and answers 503.",
    )
    local_slots: int = Field(1, ge=1, description="Number of jobs that may train on this machine at the same time.")
    local_resumes: int = Field(2, ge=0, description="How often a trainer that crashed is resumed from its checkpoint.")
    local_early_start: bool = Field(
        False,
        description="Whether the training program imports its libraries while the dataset is still made, where a slot "
        "is free. The job trains sooner, and takes its memory sooner.",
    )
    local_trainer: str | None = Field(
        None,
        description="Command for the training program if it is in another environment, such as "
        '"/opt/train/bin/python -m training_pipeline.sft"; the path of its configuration is appended.',
    )
    cancel_grace_seconds: float = Field(20.0, gt=0, description="Seconds a trainer has to stop before it is killed.")
    max_attempts: int = Field(
        3, ge=1, description="Maximum number of launch or finalize runs of one job before it fails."
    )
    run_grace_seconds: float = Field(
        30.0, ge=0, description="A launch or finalize run without its lock for this many seconds is considered dead."
    )
    poll_seconds: int = Field(5, ge=1, description="Minimum seconds between two polls of the backends.")
    poll_threads: int = Field(
        16,
        ge=1,
        le=64,
        description="Number of jobs polled at the same time; at 100 ms per answer, 1,000 jobs take 15 s.",
    )
    permission_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two checks whether what queued and running jobs train on may still be trained on.",
    )
    revocation_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two looks at a training sheet in files whether what registered models learned "
        "from it is still permitted.",
    )
    revocation_table_seconds: float = Field(
        3600.0,
        ge=60,
        description="The same for training sheets in tables; a look asks the warehouse for the table's version, and "
        "for its rows only where that changed.",
    )
    alias_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="Seconds between two looks at the aliases of all registered models in the registry, and at the "
        "serving endpoints of the workspace.",
    )
    on_taint: OnTaint = Field(
        "alert",
        description="What is done about an alias of a tainted version: `alert`, or `demote`: it is also moved back to "
        "the last clean version that it named, or taken away where there is none.",
    )
    on_taint_by_model: dict[str, OnTaint] = Field(
        {},
        description="The same for single models, as JSON: an object from full names of models to `alert` or `demote`.",
    )
    four_eyes: bool = Field(
        False,
        description="A decision about a tainted model version holds once a second steward has decided the same. Needs "
        "TRAINING_PIPELINE_AUTH=token: where nobody is asked who they are, there are no two people.",
    )
    cancel_on_withdrawal: bool = Field(
        True,
        description="Cancel a training whose pairs may no longer be trained on. If false, it trains on, and fails "
        "before its model would be registered.",
    )
    webserver_host: str = Field(
        "127.0.0.1",
        description="Address that the Dagster UI listens on; a loopback address unless tokens are required.",
    )
    webserver_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI.")
    read_only_host: str | None = Field(
        None,
        description="Address of a second, read-only Dagster UI for others, such as 0.0.0.0. Default: none.",
    )
    read_only_port: int = Field(3001, ge=1, le=65535, description="Port of the read-only Dagster UI.")
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        description="URL of the Dagster UI, for links and behind a proxy. Default: host and port of the webserver.",
    )
    retrain_cron: str = Field(
        "0 6 * * 1",
        pattern=r"^\s*(\S+\s+){4}\S+\s*$",
        description="When the schedule `retrain_changed_sheets` checks the sheets: a cron expression of five fields.",
    )
    retrain_timezone: str = Field("UTC", description="Timezone of that cron expression, such as Europe/Zurich.")
    model_fresh_days: float = Field(
        90.0,
        ge=0.01,
        le=36_500,
        description="Age in days after which a model is shown as stale, with a warning at 4/5 of it.",
    )
    alert_pending_minutes: float = Field(
        15.0, gt=0, description="An alert is sent for a training job that has been pending for longer than this."
    )
    alert_webhook_url: SecretStr | None = Field(None, description="URL to which alerts are posted as JSON.")
    alert_slack_url: SecretStr | None = Field(
        None, description="Incoming webhook of Slack, or of a compatible service, for alerts."
    )
    alert_smtp_url: SecretStr | None = Field(
        None, description="Mail server for alerts, such as smtp://user:password@host:587 (STARTTLS) or smtps://…:465."
    )
    alert_email_from: str | None = Field(None, description="Sender of alert mails.")
    alert_email_to: str | None = Field(None, description="Recipients of alert mails, separated by commas.")
    api_host: str = Field("127.0.0.1", description="Address that the REST API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port of the REST API.")
    api_max_body_bytes: int = Field(2**20, ge=1024, description="Maximum size of a request body in bytes.")
    api_request_seconds: float = Field(
        60.0, gt=0, description="Time limit of a request in seconds; after it the answer is 503."
    )
    playground_seconds: float = Field(
        50.0,
        ge=5,
        description="Seconds that the models of one question of the playground may take together. A request's time "
        "limit, less 5 seconds, is the most.",
    )
    playground_memory_mb: int | None = Field(
        None,
        ge=256,
        description="Memory that they may take, in MB, and as much of a GPU. Default: half of this machine's.",
    )
    upload_max_bytes: int = Field(100 * 2**20, ge=1024, description="Maximum size of an uploaded file in bytes.")
    upload_max_unpacked_bytes: int = Field(
        2**30, ge=2**20, description="Maximum size of an uploaded file once it is unpacked, in bytes."
    )
    upload_max_ratio: int = Field(
        200, ge=1, description="How many times its own size an uploaded file may unpack to; 1 MiB is always allowed."
    )
    upload_max_rows: int = Field(1_000_000, ge=1, description="Maximum number of rows of an uploaded file.")
    upload_max_columns: int = Field(1000, ge=1, description="Maximum number of columns of an uploaded file.")
    upload_max_cell_characters: int = Field(
        2**20, ge=1, description="Maximum number of characters in one cell of an uploaded file."
    )
    upload_user_bytes: int = Field(
        2**30, ge=1024, description="Maximum size in bytes of all uploads of one person that are no training sheet yet."
    )
    upload_memory_mb: int = Field(
        4096, ge=1024, description="Memory, in MiB, of the process that reads one uploaded file."
    )
    upload_seconds: float = Field(
        300.0, gt=0, description="Seconds for an upload to arrive, and again for a process to read it."
    )
    uploads_at_once: int = Field(4, ge=1, description="Number of uploads that are received or read at the same time.")
    auth: Literal["none", "token"] = Field(
        "none",
        description="Authentication of REST API, pages and Dagster UI. `none`: everybody on this machine is an admin. "
        "`token`: a token from `training-pipeline tokens create` is required.",
    )
    local_user: str = Field(
        "local", min_length=1, max_length=128, description="Name recorded as the actor of requests if `auth` is `none`."
    )
    api_public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s@]+$",
        description="Public URL of the REST API and pages behind a proxy, such as https://train.example.org.",
    )
    api_trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of proxies, separated by commas, whose X-Forwarded headers are trusted.",
    )
    api_cors_origins: str | None = Field(
        None,
        pattern=r"^https?://[^/\s,*]+(\s*,\s*https?://[^/\s,*]+)*$",
        description="Origins of other pages that may call the REST API from a browser, separated by commas, such as "
        "https://portal.example.org.",
    )
    api_requests_per_second: float = Field(
        200.0, gt=0, description="Sustained rate limit of one caller; bursts may be ten times as large."
    )
    api_failures_per_minute: float = Field(
        30.0, gt=0, description="Rate limit of requests without a valid token from one address; also the burst size."
    )
    mlflow_tracking_uri: SecretStr | None = Field(
        None, description="MLflow server. Default: MLflow's tables in this installation's database."
    )
    mlflow_experiment: str = Field("training_pipeline", description="MLflow experiment of the training runs.")

    @field_validator("state_dir", "sheets_dir", "models_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("near_question_similarity")
    @classmethod
    def _similarity_is_found(cls, value: float) -> float:
        return reliable_similarity(value)

    @field_validator("retrain_timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not the name of a timezone, such as Europe/Zurich") from None
        return value

    @field_validator("retrain_cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        import dagster as dg  # only where a cron is set: importing it takes longer than most commands

        try:
            ticks = dg.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule=value)
            ticks.get_first_partition_window()  # fails for a day that never comes, such as the 31st of April
        except Exception:  # noqa: BLE001 - it raises errors of many classes
            raise ValueError("is not a cron expression of five fields that ever comes, such as 0 6 * * 1") from None
        return value

    @model_validator(mode="after")
    def _two_people_are_told_apart(self) -> Settings:
        if self.four_eyes and self.auth == "none":
            raise ValueError(f"{PREFIX}FOUR_EYES needs {PREFIX}AUTH=token: without it everybody is the same person")
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Settings:
        mail = ("alert_smtp_url", "alert_email_from", "alert_email_to")
        missing = [name for name in mail if getattr(self, name) is None]
        if missing and len(missing) < len(mail):
            raise ValueError(f"alerts by mail also need {', '.join(PREFIX + name.upper() for name in missing)}")
        return self

    @property
    def gate_policy(self) -> GatePolicy:
        """The parameters of the gates and of the ties of the split."""
        return GatePolicy(
            instruction_prompt_items=self.instruction_prompt_items,
            near_question_similarity=self.near_question_similarity,
            require_constraints_set_by=self.require_constraints_set_by,
        )

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of other pages that may call the REST API from a browser."""
        return tuple(origin.strip().lower() for origin in (self.api_cors_origins or "").split(",") if origin.strip())

    @property
    def trusted_origins(self) -> frozenset[str]:
        """Origins whose pages may send changing requests: the CORS origins, and the public URL."""
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
    def allowed_base_models(self) -> tuple[str, ...]:
        """Patterns of the paths and Hugging Face ids that the local backend may use beside what is on offer."""
        if self.base_models is not None:
            return tuple(filter(None, (pattern.strip() for pattern in self.base_models.split(","))))
        return ("*",) if self.auth == "none" else ("[!/]*/*", f"{glob.escape(str(self.runs.resolve()))}/*")

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
