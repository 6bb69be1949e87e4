"""What `python -m bot doctor` finds wrong."""

from __future__ import annotations

import pytest

from bot.doctor.examination import examine
from tests.support.stack import (
    settings_for,
)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"admin_password": "short"}, "BOT_ADMIN_PASSWORD has fewer than"),
        ({"kakao_secret": "short"}, "BOT_KAKAO_SECRET, secret 1, has fewer than"),
        ({"host": "0.0.0.0", "simulator": True}, "BOT_SIMULATOR is on"),
        ({"slack_response_hosts": ("http://hooks.example",)}, "without TLS"),
        ({"slack_api_url": "http://slack.example/api/"}, "without TLS"),
        ({"slack_bot_token": "xoxp-1"}, "BOT_SLACK_BOT_TOKEN: it is no bot token"),
    ],
)
async def test_the_doctor_calls_weak_secrets_wrong(
    changes: dict[str, object], complaint: str
) -> None:
    findings: list[str] = []
    assert await examine(settings_for("", "", **changes), findings.append) == 1
    assert any("WRONG" in line and complaint in line for line in findings)
