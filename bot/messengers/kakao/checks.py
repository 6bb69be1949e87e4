"""The doctor's checks of KakaoTalk's settings."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.findings import Finding, Verdict
from bot.messengers.checks import origins_without_tls
from bot.messengers.kakao.settings import KakaoSettings

MIN_SECRET_CHARS = 32
#: Most channels end a callback after 60 seconds.
MAX_COMMON_CALLBACK_S = 55


def check_settings(settings: KakaoSettings) -> Iterator[Finding]:
    """The findings on the settings."""
    if not settings.secrets:
        yield Finding(
            Verdict.HINT, "KakaoTalk is off: set BOT_KAKAO_SECRET (see docs/kakao.ko.md)."
        )
        return
    for number, secret in enumerate(settings.secrets, 1):
        yield _check_secret(number, secret)
    if settings.callback_budget_s > MAX_COMMON_CALLBACK_S:
        yield Finding(
            Verdict.HINT,
            f"BOT_KAKAO_CALLBACK_BUDGET_S is {settings.callback_budget_s:g}: most channels "
            "end a callback after 60 seconds.",
        )
    yield from origins_without_tls("BOT_KAKAO_CALLBACK_HOSTS", settings.callback_hosts)


def _check_secret(number: int, secret: str) -> Finding:
    if len(secret) >= MIN_SECRET_CHARS:
        return Finding(Verdict.OK, f"KakaoTalk: secret {number} is long enough.")
    return Finding(
        Verdict.WRONG,
        f"BOT_KAKAO_SECRET, secret {number}, has fewer than {MIN_SECRET_CHARS} "
        "characters and can be guessed: use `openssl rand -hex 32`.",
    )
