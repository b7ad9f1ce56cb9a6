"""What alerts are sent about, and to where."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from training_pipeline.settings.prefix import PREFIX


class AlertSettings(BaseModel):
    """Alerts."""

    model_config = ConfigDict(frozen=True, defer_build=True)

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

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        mail = ("alert_smtp_url", "alert_email_from", "alert_email_to")
        missing = [name for name in mail if getattr(self, name) is None]
        if missing and len(missing) < len(mail):
            raise ValueError(f"alerts by mail also need {', '.join(PREFIX + name.upper() for name in missing)}")
        return self
