"""Device cookies: browsers that have logged in before are told apart from strangers.

OWASP, "Slow Down Online Guessing Attacks with Device Cookies". The cookie opens nothing. It only
gives its browser tries of its own, which strangers cannot use up.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from hashlib import sha256

from bot.domain.normal_form import nfc

COOKIE = "bllossom_admin_device"
MAX_AGE_S = 180 * 24 * 3600

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


class Devices:
    """Signs and reads device cookies.

    ``session_key``: another password or user name makes every browser a stranger again. ``clock``:
    seconds since the epoch.
    """

    def __init__(self, session_key: bytes, clock: Callable[[], float]) -> None:
        self._key = hmac.digest(session_key, b"device cookie", sha256)
        self._clock = clock

    def new_cookie(self, user: str) -> str:
        """The value of a cookie for a browser in which the user has logged in; always another."""
        signed = f"{secrets.token_urlsafe(16)}.{int(self._clock())}"
        return f"{signed}.{self._signature(signed, user)}"

    def known(self, cookie: str, user: str) -> str:
        """The name of the browser; "" for a stranger to this user, or an old cookie."""
        parts = _TOKEN.fullmatch(cookie)
        if parts is None:
            return ""
        name, since, signature = parts.groups()
        if not hmac.compare_digest(signature, self._signature(f"{name}.{since}", user)):
            return ""
        return name if self._clock() - int(since) < MAX_AGE_S else ""

    def _signature(self, signed: str, user: str) -> str:
        # A user's login gives no tries at the password of another.
        return hmac.digest(
            self._key, f"{signed}.{nfc(user)}".encode("utf-8", "replace"), sha256
        ).hex()
