"""The tokens of forms: they also tell for whom a form was made, after its session has ended."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from hashlib import sha256

from bot.domain.normal_form import nfc

_TOKEN = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{22})", re.ASCII)


class FormTokens:
    """Makes tokens, and knows those of ended sessions again.

    ``session_key``: another password of the dashboard makes all older tokens strangers'. A token
    names nobody.
    """

    def __init__(self, session_key: bytes) -> None:
        self._key = hmac.digest(session_key, b"form token", sha256)

    def new(self, user: str) -> str:
        """The token of a new session of the user."""
        secret = secrets.token_urlsafe(32)
        return f"{secret}.{self._mark('ours', secret)}{self._mark(f'for {nfc(user)}', secret)}"

    def is_ours(self, token: str) -> bool:
        """Whether the dashboard has made the token, for whomever."""
        parts = _TOKEN.fullmatch(token)
        return parts is not None and hmac.compare_digest(parts[2], self._mark("ours", parts[1]))

    def is_for(self, token: str, user: str) -> bool:
        """Whether it was made for the user: also in a session that has ended."""
        parts = _TOKEN.fullmatch(token)
        if parts is None or not self.is_ours(token):
            return False
        return hmac.compare_digest(parts[3], self._mark(f"for {nfc(user)}", parts[1]))

    def _mark(self, use: str, secret: str) -> str:
        signed = hmac.digest(self._key, f"{use}\x1f{secret}".encode("utf-8", "replace"), sha256)
        return base64.urlsafe_b64encode(signed[:16]).decode().rstrip("=")
