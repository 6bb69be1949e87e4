"""The doctor's request to the webhook of slash commands."""

from __future__ import annotations

from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.slack.platform_limits import ACK_TIMEOUT_S
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulated_requests import signed_command


def help_probe(settings: SlackSettings) -> WebhookProbe | None:
    """The slash command with "help", signed now; None without a signing secret."""
    secret = settings.signing_secret.get_secret_value()
    if not secret:
        return None
    body, headers = signed_command(secret, "help")
    return WebhookProbe(
        label="Slack",
        path="/webhooks/slack/commands",
        body=body,
        content_type=headers.pop("Content-Type"),
        secret_headers=headers,
        secret_setting="BOT_SLACK_SIGNING_SECRET",  # noqa: S106 - the name, not the secret
        limit_s=ACK_TIMEOUT_S,
    )
