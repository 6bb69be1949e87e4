"""The doctor's checks of OAuth and Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from bot.domain.findings import Finding, Verdict
from bot.messengers.checks import origins_without_tls
from bot.messengers.slack.installing.oauth import INSTALL_PATH
from bot.messengers.slack.installing.sdk_client import sdk_client, slack_code
from bot.messengers.slack.settings import SlackSettings


def check_installing(settings: SlackSettings) -> Iterator[Finding]:
    """The findings on OAuth's settings, and on those that contradict each other."""
    named = {
        "BOT_SLACK_CLIENT_ID": settings.client_id,
        "BOT_SLACK_CLIENT_SECRET": settings.client_secret.get_secret_value(),
        "BOT_SLACK_TOKEN_KEYS": settings.token_keys.get_secret_value(),
        "BOT_SLACK_PUBLIC_URL": settings.public_url,
    }
    unset = [name for name, value in named.items() if not value]
    begun = settings.client_id or settings.client_secret.get_secret_value()
    if begun and unset:
        yield Finding(
            Verdict.WRONG, f"Slack: OAuth needs {_listed(unset)} too: nobody can install the app."
        )
    if settings.installs:
        link = settings.public_url + INSTALL_PATH
        yield Finding(Verdict.OK, f"Slack: the app is installed into workspaces at {link}.")
        yield from origins_without_tls("BOT_SLACK_PUBLIC_URL", (settings.public_url,))
    yield from _contradictions(settings)


def _contradictions(settings: SlackSettings) -> Iterator[Finding]:
    fixed = bool(settings.bot_token.get_secret_value())
    if fixed and settings.keeps_installations:
        yield Finding(
            Verdict.WRONG,
            "BOT_SLACK_BOT_TOKEN is used in every workspace, and the tokens of OAuth in none: "
            "unset it, and install the app into its workspace by the link too.",
        )
    if fixed and settings.token_rotation:
        yield Finding(
            Verdict.WRONG,
            "BOT_SLACK_TOKEN_ROTATION: BOT_SLACK_BOT_TOKEN ends twelve hours after it was made, "
            "and cannot be renewed. Switch rotation off, or install by OAuth.",
        )
    if settings.token_rotation and not fixed and not settings.keeps_installations:
        yield Finding(
            Verdict.WRONG, "BOT_SLACK_TOKEN_ROTATION needs OAuth: without it no token is renewed."
        )


async def check_app_token(settings: SlackSettings) -> AsyncIterator[Finding]:
    """Ask Slack for a connection of Socket Mode; it is not used."""
    token = settings.app_token.get_secret_value()
    if not token.startswith("xapp-"):
        yield Finding(Verdict.WRONG, "BOT_SLACK_APP_TOKEN: it is no app token: those are xapp-.")
        return
    try:
        await sdk_client(settings.api_url).apps_connections_open(app_token=token)
    except SlackApiError as error:
        yield Finding(Verdict.WRONG, f"BOT_SLACK_APP_TOKEN: Slack says {slack_code(error)}.")
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        name = type(error).__name__
        yield Finding(Verdict.WRONG, f"BOT_SLACK_APP_TOKEN: Slack cannot be reached ({name}).")
    else:
        yield Finding(Verdict.OK, "Slack: Socket Mode can connect.")


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
