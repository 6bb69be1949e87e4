"""The doctor's checks of Slack: the settings, and what Slack says to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from bot.domain.findings import Finding, Verdict
from bot.http.outbound import OutboundClient
from bot.messengers.checks import origins_without_tls
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.blocks import MAX_MARKDOWN_CHARS, part_message
from bot.messengers.slack.controls import vote_blocks
from bot.messengers.slack.installing.checks import check_app_token, check_installing
from bot.messengers.slack.installing.scopes import missing_scopes
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.tokens import SettingsToken
from bot.text.catalog import TEXTS

#: Slack's words where blocks.validate cannot be asked.
_NO_ANSWER = frozenset({"unknown_method", "method_not_supported", "missing_scope"})


async def check_slack(settings: SlackSettings) -> AsyncIterator[Finding]:
    """The findings on the settings, on the token and its scopes, and on our largest message."""
    for finding in _check_settings(settings):
        yield finding
    if settings.app_token.get_secret_value():
        async for finding in check_app_token(settings):
            yield finding
    if settings.bot_token.get_secret_value():
        async for finding in _check_token(settings):
            yield finding


def _check_settings(settings: SlackSettings) -> Iterator[Finding]:
    if settings.signing_secret.get_secret_value():
        yield Finding(Verdict.OK, "Slack: the signing secret is set.")
    else:
        others = (settings.bot_token, settings.app_token, settings.client_secret)
        in_vain = any(secret.get_secret_value() for secret in others)
        yield Finding(
            Verdict.WRONG if in_vain else Verdict.HINT,
            "Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md).",
        )
        if not in_vain:
            return
    yield from origins_without_tls("BOT_SLACK_RESPONSE_HOSTS", settings.response_hosts)
    yield from origins_without_tls("BOT_SLACK_API_URL", (settings.api_url,))
    yield from check_installing(settings)
    if not settings.bot_token.get_secret_value() and not settings.keeps_installations:
        yield Finding(
            Verdict.HINT,
            "BOT_SLACK_BOT_TOKEN is not set: only slash commands are answered, and answers that "
            "Slack does not confirm cannot be looked up (see docs/slack.ko.md).",
        )


async def _check_token(settings: SlackSettings) -> AsyncIterator[Finding]:
    async with OutboundClient((settings.api_url,)) as outbound:
        api = SlackApi(settings, outbound, SettingsToken(settings))
        scopes, problem = await api.granted()
        if problem:
            yield Finding(Verdict.WRONG, f"BOT_SLACK_BOT_TOKEN: {problem}.")
            return
        missing = missing_scopes(scopes)
        for scope in missing:
            yield Finding(Verdict.HINT, f"Slack: the token lacks {scope.name}: {scope.without}.")
        if not missing:
            yield Finding(Verdict.OK, "Slack: the token has all scopes.")
        validated = await api.call("blocks.validate", {"blocks": largest_blocks(settings)}, team="")
    yield _on_blocks(validated)


def largest_blocks(settings: SlackSettings) -> list[dict[str, object]]:
    """The blocks of the longest message that the bot posts, with everything below it."""
    texts = TEXTS["ko"]
    line = "**굵은 글씨**와 `코드`가 있는 문장이에요. "
    markdown = (line * (MAX_MARKDOWN_CHARS // len(line) + 1))[:MAX_MARKDOWN_CHARS]
    message = part_message(markdown, notice=texts.ai_notice)
    buttons = vote_blocks(UUID(int=0), texts, native=settings.feedback == "native")
    return [*message["blocks"], *(buttons if settings.feedback != "off" else [])]


def _on_blocks(result: ApiResult) -> Finding:
    if result.ok:
        return Finding(Verdict.OK, "Slack takes our longest message (blocks.validate).")
    if result.error and result.error not in _NO_ANSWER:
        return Finding(
            Verdict.WRONG,
            f"Slack refuses our longest message: {result.error}. Long answers arrive as plain "
            "text; is this the newest version of the bot?",
        )
    reason = result.error or result.detail
    return Finding(Verdict.HINT, f"Slack: blocks.validate cannot be asked there ({reason}).")
