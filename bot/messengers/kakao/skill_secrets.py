"""The secrets of skill requests: compared before anything is parsed, then held against the bot.

Kakao signs nothing: a secret is a fixed header entered in the skill's form.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

import structlog

from bot.domain.messenger import Refusal
from bot.messengers.kakao.settings import KakaoSettings

log = structlog.get_logger(__name__)

SECRET_HEADER = "X-Bot-Secret"  # noqa: S105 - the name, not the secret

#: In place of a bot's id: the secret of all bots that have none of their own.
ANY_OTHER_BOT = ""


def bots_of_secret(headers: Mapping[str, str], settings: KakaoSettings) -> frozenset[str]:
    """The ids of the bots whose secret the request carries; raises Refusal(401) without any.

    Every secret is compared, so that the time tells nothing about which one is right.
    """
    given = headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
    compared = [
        (bot_id, hmac.compare_digest(given, secret.encode("utf-8", "surrogatepass")))
        for bot_id, secret in (
            *((ANY_OTHER_BOT, secret) for secret in settings.secrets),
            *settings.secrets_by_bot,
        )
    ]
    bots = frozenset(bot_id for bot_id, is_equal in compared if is_equal)
    if not bots:
        raise Refusal(401, "wrong or missing secret")
    return bots


def check_bot(bots: frozenset[str], bot_id: str, settings: KakaoSettings) -> None:
    """Raise Refusal(401) unless the secret is this bot's; ``bots``: of ``bots_of_secret``."""
    has_own_secret = any(listed == bot_id for listed, _ in settings.secrets_by_bot)
    if (bot_id if has_own_secret else ANY_OTHER_BOT) in bots:
        return
    log.warning("kakao_foreign_bot", bot_id=bot_id, secret_of=sorted(bots - {ANY_OTHER_BOT}))
    raise Refusal(401, "the secret of another bot")
