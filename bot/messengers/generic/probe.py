"""The doctor's request to the generic webhook."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.signature import sign


def help_probe(settings: GenericSettings) -> WebhookProbe | None:
    """The command "help", signed now; None without a secret."""
    if not settings.secrets:
        return None
    body = json.dumps({"user": "doctor", "conversation": "doctor", "command": "help"}).encode()
    return WebhookProbe(
        label="Generic webhook",
        path="/webhooks/generic",
        body=body,
        content_type="application/json",
        secret_headers=sign(settings.secrets[0], body, datetime.now(UTC)),
        secret_setting="BOT_GENERIC_SECRET",  # noqa: S106 - the name, not the secret
    )
