"""The doctor's checks of the generic webhook's settings."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.findings import Finding, Verdict
from bot.messengers.checks import origins_without_tls
from bot.messengers.generic.settings import GenericSettings

MIN_SECRET_BYTES = 32


def check_settings(settings: GenericSettings) -> Iterator[Finding]:
    """The findings on the settings."""
    if not settings.secrets:
        yield Finding(
            Verdict.HINT,
            "The generic webhook is off: set BOT_GENERIC_SECRET (see docs/generic.ko.md).",
        )
        return
    for number, secret in enumerate(settings.secrets, 1):
        if len(secret) < MIN_SECRET_BYTES:
            yield Finding(
                Verdict.WRONG,
                f"BOT_GENERIC_SECRET, secret {number}, has fewer than {MIN_SECRET_BYTES} "
                "characters and can be guessed: use `openssl rand -hex 32`.",
            )
        else:
            yield Finding(Verdict.OK, f"Generic webhook: secret {number} is long enough.")
    yield from origins_without_tls("BOT_GENERIC_CALLBACK_HOSTS", settings.callback_hosts)
