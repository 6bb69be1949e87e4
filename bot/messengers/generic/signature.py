"""The signature of requests and callbacks: HMAC-SHA256 over ``v1:<timestamp>:<signed bytes>``.

The signed bytes are the raw body, or the path of a GET.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.messenger import Refusal

TIMESTAMP_HEADER = "X-Bot-Timestamp"
SIGNATURE_HEADER = "X-Bot-Signature"
#: Requests outside this window are refused: they may be replayed.
MAX_CLOCK_SKEW_S = 300


def sign(secret: bytes, signed: bytes, now: datetime) -> dict[str, str]:
    """The two headers for ``signed``; ``now`` is aware."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: _signature(secret, timestamp, signed)}


def verify(
    headers: Mapping[str, str], signed: bytes, secrets: Sequence[bytes], now: datetime
) -> None:
    """Raise Refusal(401) unless one of the secrets signed these bytes within five minutes."""
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    given = headers.get(SIGNATURE_HEADER, "").encode("utf-8", "surrogatepass")
    if not secrets or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise Refusal(401, "not signed")
    if abs(now.timestamp() - int(timestamp)) > MAX_CLOCK_SKEW_S:
        raise Refusal(401, "signed at another time")
    # Compare all secrets: the duration must not reveal which one matched.
    matches = [
        hmac.compare_digest(given, _signature(secret, timestamp, signed).encode("ascii"))
        for secret in secrets
    ]
    if not any(matches):
        raise Refusal(401, "wrong signature")


def _signature(secret: bytes, timestamp: str, signed: bytes) -> str:
    digest = hmac.digest(secret, b"v1:" + timestamp.encode("ascii") + b":" + signed, "sha256")
    return f"v1={digest.hex()}"
