"""What alerts are sent about, and to where."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from training_pipeline.settings.longest import YEAR_MINUTES
from training_pipeline.settings.prefix import PREFIX

_HIDDEN: Final = "The value is not shown: it may hold a secret"


class AlertSettings(BaseModel):
    """Alerts."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    alert_pending_minutes: float = Field(
        15.0,
        gt=0,
        le=YEAR_MINUTES,
        description="An alert is sent for a training job that has been pending for longer than this.",
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

    @field_validator("alert_webhook_url", "alert_slack_url")
    @classmethod
    def _is_a_web_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _names_a_host(url, ("http", "https"), login=False):
            raise ValueError(f"expected https://host[:port]/path, without a user, a password or blanks. {_HIDDEN}")
        return url

    @field_validator("alert_smtp_url")
    @classmethod
    def _is_a_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _names_a_host(url, ("smtp", "smtps"), login=True):
            raise ValueError(
                "expected smtp://host[:port] or smtps://host[:port], with user:password@ before the host where it asks "
                f"for them; / : @ and ? in a password are written as %2F %3A %40 and %3F. {_HIDDEN}"
            )
        return url

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        mail = ("alert_smtp_url", "alert_email_from", "alert_email_to")
        missing = [name for name in mail if getattr(self, name) is None]
        if missing and len(missing) < len(mail):
            raise ValueError(f"alerts by mail also need {', '.join(PREFIX + name.upper() for name in missing)}")
        return self


def _names_a_host(secret: SecretStr, schemes: tuple[str, ...], *, login: bool) -> bool:
    url = secret.get_secret_value()
    try:
        where = urlsplit(url)
        usable = where.scheme in schemes and bool(where.hostname) and where.port != 0
    except ValueError:  # its text quotes what it takes for a port
        return False
    return usable and (login or "@" not in where.netloc) and url.isprintable() and " " not in url
