"""The ways to tell somebody: a Slack room's incoming webhook, any webhook, mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

import structlog
from aiohttp import ClientTimeout

from bot.admin.alerts.mail import MailSender
from bot.http.origin import origin_of
from bot.http.outbound import NoReply, OutboundClient, encode_json
from bot.settings import Settings

log = structlog.get_logger(__name__)

POST_LIMITS = ClientTimeout(total=8.0, connect=4.0)

#: The channels' names for people.
CHANNELS = {"slack": "Slack", "webhook": "웹훅", "mail": "메일"}


class Channels:
    """Sends a text to all channels of the settings, each by itself."""

    def __init__(self, settings: Settings, outbound: OutboundClient) -> None:
        self._outbound = outbound
        smtp_url, to = settings.alert_smtp_url.get_secret_value(), settings.alert_mail_to
        self._mail = MailSender(smtp_url, to) if smtp_url and to else None
        self._webhook = settings.alert_webhook_url.get_secret_value()
        self._slack = settings.alert_slack_url.get_secret_value()

    async def send(self, words: str, fields: Mapping[str, object]) -> dict[str, str]:
        """Tell everybody; what went wrong by the channel's name, "" where it was reached."""
        ways: dict[str, Awaitable[str]] = {}
        if self._slack:
            ways["slack"] = self._post(self._slack, {"text": words})
        if self._webhook:
            ways["webhook"] = self._post(self._webhook, {"text": words, **fields})
        if self._mail is not None:
            ways["mail"] = self._mail.send(words)
        results = dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))
        for channel, detail in results.items():
            if detail:
                log.warning("alert_not_sent", channel=channel, detail=detail)
        return results

    async def _post(self, url: str, document: dict[str, object]) -> str:
        """By the status alone: a body that drips or never ends is not waited for."""
        reply = await self._outbound.exchange(
            url, encode_json(document), hosts=[origin_of(url)], limits=POST_LIMITS, max_bytes=0
        )
        if isinstance(reply, NoReply):
            return reply.detail
        return "" if 200 <= reply.status < 300 else f"HTTP {reply.status}"


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
