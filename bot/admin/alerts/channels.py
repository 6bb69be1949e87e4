"""The ways to tell somebody: a Slack room's incoming webhook, any webhook, mail."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Mapping
from email.message import EmailMessage

import structlog
from aiohttp import ClientTimeout
from yarl import URL

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.http.origin import origin_of
from bot.http.outbound import OutboundClient, Reply
from bot.settings import Settings

log = structlog.get_logger(__name__)

POST_LIMITS = ClientTimeout(total=8.0, connect=4.0)
#: Of each step of a mail, and of the whole: a server may be slow at every step.
MAIL_TIMEOUT_S, MAIL_S = 10.0, 30.0

#: The channels' names for people.
CHANNELS = {"slack": "Slack", "webhook": "웹훅", "mail": "메일"}


class Channels:
    """Sends a text to all channels of the settings, each by itself."""

    def __init__(self, settings: Settings, outbound: OutboundClient) -> None:
        self._outbound = outbound
        self._mail_to = settings.alert_mail_to
        self._smtp = settings.alert_smtp_url.get_secret_value()
        self._webhook = settings.alert_webhook_url.get_secret_value()
        self._slack = settings.alert_slack_url.get_secret_value()

    async def send(self, words: str, fields: Mapping[str, object]) -> dict[str, str]:
        """Tell everybody; what went wrong by the channel's name, "" where it was reached."""
        ways: dict[str, Awaitable[str]] = {}
        if self._slack:
            ways["slack"] = self._post(self._slack, {"text": words})
        if self._webhook:
            ways["webhook"] = self._post(self._webhook, {"text": words, **fields})
        if self._mail_to and self._smtp:
            ways["mail"] = self._to_mail(words)
        results = dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))
        for channel, detail in results.items():
            if detail:
                log.warning("alert_not_sent", channel=channel, detail=detail)
        return results

    async def _post(self, url: str, document: dict[str, object]) -> str:
        result = await self._outbound.post_json(
            url, document, hosts=[origin_of(url)], judge=_judge, limits=POST_LIMITS
        )
        reached = result.outcome is Outcome.DELIVERED
        return "" if reached else result.detail or result.outcome.value

    async def _to_mail(self, words: str) -> str:
        try:
            async with asyncio.timeout(MAIL_S):
                await asyncio.to_thread(send_mail, self._smtp, self._mail_to, words)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return type(error).__name__
        return ""


def channel_names(settings: Settings) -> list[str]:
    """The channels that are set up, in Korean."""
    mail = settings.alert_mail_to and settings.alert_smtp_url.get_secret_value()
    known = {
        "slack": settings.alert_slack_url.get_secret_value(),
        "webhook": settings.alert_webhook_url.get_secret_value(),
        "mail": mail,
    }
    return [CHANNELS[name] for name, is_set in known.items() if is_set]


def origins(settings: Settings) -> list[str]:
    """The origins that alerts are posted to."""
    urls = (settings.alert_slack_url, settings.alert_webhook_url)
    return [origin for url in urls if (origin := origin_of(url.get_secret_value()))]


def send_mail(smtp_url: str, to: str, words: str) -> None:
    """Send one mail; blocks. Raises OSError, SMTPException or ValueError."""
    url = URL(smtp_url)
    if url.scheme not in {"smtp", "smtps"} or not url.host:
        raise ValueError("smtp:// or smtps:// is expected")
    mail = EmailMessage()
    mail["From"] = to.split(",", maxsplit=1)[0].strip()
    mail["To"] = to
    mail["Subject"] = words.splitlines()[0]
    mail.set_content(words)
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.host, url.port or (465 if url.scheme == "smtps" else 25),
              timeout=MAIL_TIMEOUT_S) as server:  # fmt: skip
        server.ehlo_or_helo_if_needed()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif url.scheme == "smtp" and url.user:
            raise ValueError("a password is not sent without TLS")
        if url.user:
            server.login(url.user, url.password or "")
        server.send_message(mail)


def _judge(reply: Reply) -> DeliveryResult:
    good = 200 <= reply.status < 300
    outcome = Outcome.DELIVERED if good else Outcome.REFUSED
    return DeliveryResult(outcome=outcome, detail=f"HTTP {reply.status}")
