"""The doctor's request to the skill webhook."""

from __future__ import annotations

import json

from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.kakao.platform_limits import SKILL_TIMEOUT_S
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.skill_secrets import SECRET_HEADER


def help_probe(settings: KakaoSettings) -> WebhookProbe | None:
    """A typed /도움말; None without a secret."""
    bot_id, secret = settings.first_secret
    if not secret:
        return None
    body = json.dumps(skill_request("/도움말", user="doctor", bot_id=bot_id), ensure_ascii=False)
    return WebhookProbe(
        label="KakaoTalk",
        path="/webhooks/kakao",
        body=body.encode(),
        content_type="application/json",
        secret_headers={SECRET_HEADER: secret},
        secret_setting="BOT_KAKAO_BOT_SECRETS" if bot_id else "BOT_KAKAO_SECRET",
        limit_s=SKILL_TIMEOUT_S,
    )
