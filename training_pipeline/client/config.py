"""The REST API that commands use: from `--url` and `--token`, or the environment; none means this machine."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.loopback import leads_here
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

API_PATH: Final = "/api/v1/training"


class RemoteSettings(BaseSettings):
    """The settings of a remote REST API for commands."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    url: str | None = Field(None, description="REST API for commands on jobs, as https://host; overridden by `--url`.")
    token: SecretStr | None = Field(None, description="Token for that API; overridden by `--token`.")


class RemoteService(BaseModel):
    """Where a service is, without a slash at the end, and the token that it knows us by."""

    model_config = ConfigDict(frozen=True)

    url: str
    token: SecretStr | None = None

    @property
    def is_here(self) -> bool:
        """Whether its address is one of this machine alone."""
        return leads_here(urlsplit(self.url).hostname or "")

    @property
    def exposes_token(self) -> bool:
        """Whether the token travels to another machine for everybody on the way to read."""
        return self.token is not None and self.url.startswith("http:") and not self.is_here


def remote_service(url: str | None, token: str | None) -> RemoteService | None:
    """The service to work on, None for this machine. Reads the environment and `.env`.

    Raises `InvalidRequest` for an address or a token that cannot be one, without repeating the token.
    """
    found = RemoteSettings(_env_file=Settings.model_config.get("env_file"))
    address = (found.url or "" if url is None else url).strip()
    stated = SecretStr(token) if token is not None else found.token
    if not address:
        if token is not None:
            raise InvalidRequest(
                "A token was given without the URL of a service.", hint=f"Add --url or set {PREFIX}URL."
            )
        return None
    return RemoteService(url=_address(address), token=_token(stated))


def _address(address: str) -> str:
    import httpx2  # only where there is an address: it takes a while

    try:
        httpx2.URL(address)
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        usable = usable and not any(character.isspace() for character in address)
    except (ValueError, httpx2.InvalidURL):
        usable = False
    if not usable:
        raise InvalidRequest(
            "The URL of the service is invalid.", hint="Write it as https://host or http://127.0.0.1:8000."
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(
            "The URL of the service must not contain a user or password.",
            hint=f"Set a token in the environment variable {PREFIX}TOKEN.",
        )
    if parts.query or parts.fragment:
        raise InvalidRequest("The URL of the service must not contain ? or #.")
    path = parts.path.rstrip("/").removesuffix(API_PATH).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _token(token: SecretStr | None) -> SecretStr | None:
    text = "" if token is None else token.get_secret_value().strip()
    if not all("!" <= character <= "~" for character in text):
        raise InvalidRequest("The token contains an invalid character.", hint="Copy it again exactly as shown.")
    return SecretStr(text) if text else None
