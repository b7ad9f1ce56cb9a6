"""The settings of an installation, by subject. A field is the environment variable `TRAINING_PIPELINE_<FIELD>`, or a
line in `.env`.
"""

from __future__ import annotations

import glob
from urllib.parse import urlsplit

from pydantic import BaseModel, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from training_pipeline.domain.loopback import names_this_machine
from training_pipeline.settings.access import AccessSettings
from training_pipeline.settings.alerts import AlertSettings
from training_pipeline.settings.api import ApiSettings
from training_pipeline.settings.dagster_ui import DagsterUiSettings
from training_pipeline.settings.databricks import DatabricksSettings
from training_pipeline.settings.gates import GateSettings
from training_pipeline.settings.jobs import JobSettings
from training_pipeline.settings.local import LocalSettings
from training_pipeline.settings.models import ModelSettings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.settings.retraining import RetrainingSettings
from training_pipeline.settings.sheets import SheetSettings
from training_pipeline.settings.storage import StorageSettings
from training_pipeline.settings.tracking import TrackingSettings
from training_pipeline.settings.uploads import UploadSettings


# In reverse: pydantic takes the fields of the last base first.
class Settings(
    UploadSettings,
    AccessSettings,
    ApiSettings,
    DagsterUiSettings,
    AlertSettings,
    TrackingSettings,
    RetrainingSettings,
    ModelSettings,
    DatabricksSettings,
    LocalSettings,
    JobSettings,
    GateSettings,
    SheetSettings,
    StorageSettings,
    BaseSettings,
):
    """The settings of one installation. Immutable; created once by each entry point and passed down."""

    # The subjects are not built by themselves: nobody makes one, and commands start sooner.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        frozen=True,
        extra="ignore",
        defer_build=False,
        hide_input_in_errors=True,  # a URL or a judge may hold a secret where none belongs
    )

    @model_validator(mode="after")
    def _two_people_are_told_apart(self) -> Settings:
        asked = {"FOUR_EYES": self.four_eyes, "PROMOTION_FOUR_EYES": self.promotion_four_eyes}
        if self.auth == "none" and any(asked.values()):
            named = " and ".join(f"{PREFIX}{name}" for name, is_asked in asked.items() if is_asked)
            raise ValueError(f"{named} needs {PREFIX}AUTH=token: without it everybody is the same person")
        return self

    @model_validator(mode="after")
    def _only_a_known_proxy_names_users(self) -> Settings:
        if self.proxy_user_header and (self.auth != "token" or not self.api_trusted_proxies):
            raise ValueError(
                f"{PREFIX}PROXY_USER_HEADER needs {PREFIX}AUTH=token, and {PREFIX}API_TRUSTED_PROXIES: anybody "
                "else could send that header"
            )
        return self

    @model_validator(mode="after")
    def _without_tokens_it_is_for_this_machine_alone(self) -> Settings:
        urls = {"API_PUBLIC_URL": self.api_public_url, "DAGSTER_URL": self.dagster_url}
        hosts = {name: urlsplit(url).hostname or "" for name, url in urls.items() if url is not None}
        asked = [f"{PREFIX}{name}" for name, host in hosts.items() if not names_this_machine(host)]
        if self.api_trusted_proxies:
            asked.append(f"{PREFIX}API_TRUSTED_PROXIES")
        if self.auth == "none" and asked:
            raise ValueError(
                f"{' and '.join(asked)} needs {PREFIX}AUTH=token: without it everybody whom a proxy lets through is an "
                "admin"
            )
        return self

    @property
    def allowed_base_models(self) -> tuple[str, ...]:
        """Patterns of the paths and Hugging Face ids that the local backend may use beside what is on offer."""
        if self.base_models is not None:
            return tuple(filter(None, (pattern.strip() for pattern in self.base_models.split(","))))
        return ("*",) if self.auth == "none" else ("[!/]*/*", f"{glob.escape(str(self.runs.resolve()))}/*/model")


def subjects() -> list[type[BaseModel]]:
    """The subjects of the settings, in the order of their fields."""
    return [base for base in reversed(Settings.__bases__) if base is not BaseSettings]
