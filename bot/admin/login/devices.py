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

    def new_cookie(self) -> str:
        """The value of a browser's cookie; a new one with every login."""
        signed = f"{secrets.token_urlsafe(16)}.{int(self._clock())}"
        return f"{signed}.{self._signature(signed)}"

    def known(self, cookie: str) -> str:
        """The name of the browser; "" for a stranger: no cookie of ours, or an old one."""
        parts = _TOKEN.fullmatch(cookie)
        if parts is None:
            return ""
        name, since, signature = parts.groups()
        if not hmac.compare_digest(signature, self._signature(f"{name}.{since}")):
            return ""
        return name if self._clock() - int(since) < MAX_AGE_S else ""

    def _signature(self, signed: str) -> str:
        return hmac.digest(self._key, signed.encode(), sha256).hex()
