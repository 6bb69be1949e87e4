"""Signed slash commands as Slack sends them: for the simulator and stand-ins."""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlencode

from slack_sdk.signature import SignatureVerifier

TEAM_ID = "T0BLLOSSOM"
CHANNEL_ID = "C0SIMULATE"
USER_ID = "U0SIMULATE"
COMMAND = "/bllossom"


def command_form(text: str, response_url: str, **fields: str) -> dict[str, str]:
    """The fields of a slash command; ``fields`` replace them. ``trigger_id`` is always new."""
    trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
    return {
        "token": "simulated-verification-token",
        "team_id": TEAM_ID,
        "team_domain": "bllossom-demo",
        "channel_id": CHANNEL_ID,
        "channel_name": "bllossom",
        "user_id": USER_ID,
        "user_name": "simulated.person",
        "command": COMMAND,
        "text": text,
        "api_app_id": "A0BLLOSSOM",
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
        **fields,
    }


def signature_headers(secret: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """The headers of a form body signed with Slack's scheme v0; ``timestamp`` in Unix seconds."""
    sent_at = str(int(time.time()) if timestamp is None else timestamp)
    signature = SignatureVerifier(secret).generate_signature(timestamp=sent_at, body=body)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": sent_at,
        "X-Slack-Signature": str(signature),
    }


def signed_command(
    secret: str, text: str, *, response_url: str = "", timestamp: int | None = None, **fields: str
) -> tuple[bytes, dict[str, str]]:
    """A slash command ready to send: the form-encoded body and its signed headers.

    ``fields`` replace the form's own, such as ``user_id``, ``channel_id`` or ``trigger_id``.
    """
    body = urlencode(command_form(text, response_url, **fields)).encode()
    return body, signature_headers(secret, body, timestamp)
