"""The doctor's checks of Slack's settings and of the token's scopes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from bot.domain.findings import Finding, Verdict
from bot.http.outbound import OutboundClient
from bot.messengers.checks import origins_without_tls
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.web_api import WebApi

#: The scopes needed to look up unconfirmed answers, and the effect of each missing one.
SCOPES = {
    "chat:write": "answers go to their response_url and cannot be looked up",
    "channels:history": "what is lost in a public channel stays unconfirmed",
    "groups:history": "what is lost in a private channel stays unconfirmed",
}


async def check_slack(settings: SlackSettings) -> AsyncIterator[Finding]:
    """The findings on the settings, and one for each scope missing from the token."""
    for finding in _check_settings(settings):
        yield finding
    if settings.bot_token.get_secret_value():
        async for finding in _check_token(settings):
            yield finding


def _check_settings(settings: SlackSettings) -> Iterator[Finding]:
    if not settings.signing_secret.get_secret_value():
        yield Finding(
            Verdict.HINT, "Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md)."
        )
        return
    yield Finding(Verdict.OK, "Slack: the signing secret is set.")
    yield from origins_without_tls("BOT_SLACK_RESPONSE_HOSTS", settings.response_hosts)
    yield from origins_without_tls("BOT_SLACK_API_URL", (settings.api_url,))
    if not settings.bot_token.get_secret_value():
        yield Finding(
            Verdict.HINT,
            "BOT_SLACK_BOT_TOKEN is not set: answers that Slack does not confirm cannot be "
            "looked up (see docs/slack.ko.md).",
        )


async def _check_token(settings: SlackSettings) -> AsyncIterator[Finding]:
    async with OutboundClient((settings.api_url,)) as outbound:
        scopes, problem = await WebApi(settings, outbound).api.granted()
    if problem:
        yield Finding(Verdict.WRONG, f"BOT_SLACK_BOT_TOKEN: {problem}.")
        return
    missing = [scope for scope in SCOPES if scope not in scopes]
    for scope in missing:
        yield Finding(Verdict.HINT, f"Slack: the token lacks {scope}: {SCOPES[scope]}.")
    if not missing:
        yield Finding(
            Verdict.OK, "Slack: unconfirmed answers are looked up in channels the bot is in."
        )
