"""One-time codes of an authenticator app: TOTP (RFC 6238), as all such apps compute them."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

#: RFC 4226, section 4: at least 128 bits, 160 recommended.
_SECRET_BYTES = 20
STEP_S = 30
DIGITS = 6
#: Clocks that go wrong by a step: RFC 6238, section 5.2, recommends one at most.
_DRIFT = (0, -1, 1)
_ISSUER = "Bllossom"


def new_secret() -> str:
    """A secret in base32, as people type it into an app."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def provisioning_uri(secret: str, user: str) -> str:
    """The ``otpauth:`` address that an app reads the secret from."""
    return _totp(secret).get_provisioning_uri(user, _ISSUER)


def matching_step(secret: str, typed: str, now: float) -> int | None:
    """The time step whose code was typed, in the spelling of ``cleaned``; None: of none near now.

    ``now``: seconds since the epoch. Raises ValueError for a secret that is no base32.
    """
    totp, current = _totp(secret), int(now) // STEP_S
    found = None
    for step in (current + drift for drift in _DRIFT):
        if step >= 0 and hmac.compare_digest(totp.generate(step * STEP_S), typed.encode()):
            found = step
    return found


def cleaned(typed: str) -> str:
    """The digits of a code; empty for what is none."""
    digits = "".join(typed.split())
    return digits if digits.isascii() and digits.isdecimal() and len(digits) == DIGITS else ""


def _totp(secret: str) -> TOTP:
    try:
        key = base64.b32decode(secret)
    except binascii.Error as error:
        raise ValueError("no base32") from error
    # SHA-1 is what every app supports; HMAC does not need its collision resistance.
    return TOTP(key, DIGITS, SHA1(), STEP_S)  # noqa: S303
