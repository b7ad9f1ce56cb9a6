"""The targets of alerts: log, webhook, Slack-compatible webhook, e-mail. Another target is one more class."""

from __future__ import annotations

import http.client
import json
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from training_pipeline.settings import Settings

SECONDS: Final = 5.0
_log = logging.getLogger("training_pipeline.alerts")


class Undelivered(Exception):
    """A target did not accept an alert. Names the reason, never the target's URL, which may hold a secret."""


class AlertTarget(Protocol):
    """Receives alerts. Its name is stored with each delivery."""

    @property
    def name(self) -> str:
        """The target's name in the database."""
        ...

    def send(self, alert: Mapping[str, Any]) -> None:
        """Deliver one alert; raises `Undelivered`. `alert` has the fields of `Alert` as JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Writes a warning to the log of Dagster's daemon. Never fails."""

    name: str = "log"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Write one line."""
        _log.warning("%s [%s]", alert["message"], alert["key"])


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Posts the alert as JSON. `key` is the same if it is ever posted twice."""

    url: SecretStr
    name: str = "webhook"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send one POST."""
        _post(self.url, dict(alert))


@dataclass(frozen=True, slots=True)
class SlackTarget:
    """Posts a message to an incoming webhook of Slack, Mattermost or any service that accepts `{"text": …}`."""

    url: SecretStr
    name: str = "slack"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send one POST."""
        links = " · ".join(f"<{address}|{_escaped(name)}>" for name, address in alert["links"].items())
        _post(self.url, {"text": f"{_escaped(alert['message'])}\n{links}".strip()})


@dataclass(frozen=True, slots=True)
class MailTarget:
    """Sends a mail through SMTP, encrypted if the URL says so or the server offers it."""

    url: SecretStr
    sender: str
    receivers: tuple[str, ...]
    name: str = "mail"
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send one mail to all recipients."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.sender, ", ".join(self.receivers)
        mail["Subject"] = f"[training_pipeline] {alert['kind'].replace('_', ' ')}: {alert['job_id'] or alert['key']}"
        links = "\n".join(f"{name}: {address}" for name, address in alert["links"].items())
        mail.set_content(f"{alert['message']}\n\n{links}\n\n{alert['key']}\n")
        try:
            with self._server() as server:
                server.send_message(mail)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            code = getattr(error, "smtp_code", None)
            raise Undelivered(f"the mail server said {code}" if code else type(error).__name__) from None

    def _server(self) -> smtplib.SMTP:
        where = urlsplit(self.url.get_secret_value())
        host, secure = where.hostname or "localhost", where.scheme == "smtps"
        server = (
            smtplib.SMTP_SSL(host, where.port or 465, timeout=SECONDS, context=self.context)
            if secure
            else smtplib.SMTP(host, where.port or 25, timeout=SECONDS)
        )
        try:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=self.context)
                secure = True
            if where.username and not secure:
                raise Undelivered("the mail server offers no encryption, so the password is not sent")
            if where.username:
                server.login(unquote(where.username), unquote(where.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def targets_of(settings: Settings) -> list[AlertTarget]:
    """The configured targets, and always the log."""
    targets: list[AlertTarget] = [LogTarget()]
    if settings.alert_webhook_url is not None:
        targets.append(WebhookTarget(settings.alert_webhook_url))
    if settings.alert_slack_url is not None:
        targets.append(SlackTarget(settings.alert_slack_url))
    if settings.alert_smtp_url is not None and settings.alert_email_from and settings.alert_email_to:
        receivers = tuple(one.strip() for one in settings.alert_email_to.split(",") if one.strip())
        targets.append(MailTarget(settings.alert_smtp_url, settings.alert_email_from, receivers))
    return targets


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would be sent on as a GET without the alert, and the page it finds would count as delivery."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none, so that the answer is an error."""


def _post(url: SecretStr, body: Mapping[str, Any]) -> None:
    try:
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
            url.get_secret_value(),
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "training_pipeline"},
        )
        urllib.request.build_opener(_NoRedirects).open(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise Undelivered(f"it answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Undelivered(type(getattr(error, "reason", error)).__name__) from None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
