"""The dashboard, the simulator and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from bot.domain.findings import Finding, Verdict
from bot.settings import Settings
from runtime.ip_address import is_loopback

MIN_PASSWORD_CHARS = 12
MIN_FREE_GB = 2


def check_machine(settings: Settings) -> Iterator[Finding]:
    """The findings on what is open to whom, and on the disk."""
    yield _dashboard(settings)
    if settings.simulator and not is_loopback(settings.host):
        yield Finding(
            Verdict.WRONG,
            "BOT_SIMULATOR is on and the bot listens beyond this machine: anybody could chat as "
            "anybody. Switch it off.",
        )
    yield _disk(settings)


def _dashboard(settings: Settings) -> Finding:
    password = settings.admin_password.get_secret_value()
    if not password:
        return Finding(Verdict.HINT, "The dashboard is closed: set BOT_ADMIN_PASSWORD to open it.")
    if not password.startswith("$argon2") and len(password) < MIN_PASSWORD_CHARS:
        return Finding(
            Verdict.WRONG, f"BOT_ADMIN_PASSWORD has fewer than {MIN_PASSWORD_CHARS} characters."
        )
    return Finding(Verdict.OK, "The dashboard has a password.")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb >= MIN_FREE_GB:
        return Finding(Verdict.OK, f"{free_gb:.0f} GB of disk are free.")
    sentence = (
        f"Only {free_gb:.1f} GB of disk are free at {folder}: free at least {MIN_FREE_GB} GB."
    )
    return Finding(Verdict.WRONG, sentence)
