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
    if not settings.is_on:
        yield Finding(
            Verdict.HINT, "KakaoTalk is off: set BOT_KAKAO_SECRET (see docs/kakao.ko.md)."
        )
        return
    for number, secret in enumerate(settings.secrets, 1):
        yield _check_secret(f"secret {number}", "BOT_KAKAO_SECRET", secret)
    yield from _check_bots(settings)
    if settings.callback_budget_s > MAX_COMMON_CALLBACK_S:
        yield Finding(
            Verdict.HINT,
            f"BOT_KAKAO_CALLBACK_BUDGET_S is {settings.callback_budget_s:g}: most channels "
            "end a callback after 60 seconds.",
        )
    yield from origins_without_tls("BOT_KAKAO_CALLBACK_HOSTS", settings.callback_hosts)
    yield from origins_without_tls("BOT_KAKAO_PICTURE_HOSTS", settings.picture_hosts)


def _check_bots(settings: KakaoSettings) -> Iterator[Finding]:
    """The findings on the bots' own secrets."""
    for bot_id, secret in settings.secrets_by_bot:
        yield _check_secret(f"the secret of bot {bot_id}", "BOT_KAKAO_BOT_SECRETS", secret)
    secrets = [secret for _, secret in settings.secrets_by_bot]
    shared = {secret for secret in secrets if secrets.count(secret) > 1}
    if shared or _is_shared_with_all(settings):
        yield Finding(
            Verdict.WRONG,
            "BOT_KAKAO_BOT_SECRETS repeats a secret: give each bot one of its own, or who runs "
            "one bot can write as another.",
        )


def _is_shared_with_all(settings: KakaoSettings) -> bool:
    """Whether a bot's own secret is also the one of all other bots."""
    return any(secret in settings.secrets for _, secret in settings.secrets_by_bot)


def _check_secret(name: str, setting: str, secret: str) -> Finding:
    if len(secret) >= MIN_SECRET_CHARS:
        return Finding(Verdict.OK, f"KakaoTalk: {name} is long enough.")
    return Finding(
        Verdict.WRONG,
        f"{setting}, {name}, has fewer than {MIN_SECRET_CHARS} "
        "characters and can be guessed: use `openssl rand -hex 32`.",
    )
