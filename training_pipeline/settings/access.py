"""Who may call, through which proxies and from which pages."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training_pipeline.domain.access import Role
from training_pipeline.settings.stated_urls import all_readable, readable


class AccessSettings(BaseModel):
    """Access."""

    model_config = ConfigDict(frozen=True, defer_build=True)

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
        description="Public URL of the REST API and pages behind a proxy, such as https://train.example.org. Needs "
        "AUTH=token, unless it is an address of this machine such as http://train.localhost.",
    )
    api_trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of proxies, separated by commas, whose X-Forwarded headers are trusted. "
        "Needs AUTH=token.",
    )
    proxy_user_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]+$",
        description=(
            "Header in which a proxy of `API_TRUSTED_PROXIES` names the user whom it has authenticated, such "
            "as X-Forwarded-Email on Databricks Apps. Needs AUTH=token and PROXY_ROLES. If unset, such "
            "headers are ignored."
        ),
    )
    proxy_roles: dict[str, Role] = Field(
        {},
        description=(
            "Roles of the users whom the proxy names, as JSON: an object from an address, or a pattern with *"
            ' and ?, to a role, such as {"ada@example.org": "admin", "*@example.org": "viewer"}. All others '
            "are refused."
        ),
    )
    api_cors_origins: str | None = Field(
        None,
        pattern=r"^https?://[^/\s,*]+(\s*,\s*https?://[^/\s,*]+)*$",
        description="Origins of other pages that may call the REST API from a browser, separated by commas, such as "
        "https://portal.example.org.",
    )

    @field_validator("api_trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, stated: str | None) -> str | None:
        for name in filter(None, (part.strip() for part in (stated or "").split(","))):
            try:
                _ = name == "*" or ip_network(name)
            except ValueError:  # what is neither would be no proxy, without a word
                raise ValueError(
                    "expected IP addresses or networks such as 10.0.0.0/8 (not 10.0.0.7/8) between commas, or *"
                ) from None
        return stated

    _api_public_url_is_readable = field_validator("api_public_url")(readable)
    _api_cors_origins_is_readable = field_validator("api_cors_origins")(all_readable)

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of other pages that may call the REST API from a browser."""
        return tuple(origin.strip().lower() for origin in (self.api_cors_origins or "").split(",") if origin.strip())

    @property
    def trusted_origins(self) -> frozenset[str]:
        """Origins whose pages may send changing requests: the CORS origins, and the public URL."""
        return frozenset({*self.cors_origins, *({self.api_public_url.lower()} if self.api_public_url else ())})
