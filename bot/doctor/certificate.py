"""The certificate of the public address, as a messenger's platform verifies it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from datetime import UTC, datetime

from bot.domain.findings import Finding, Verdict
from runtime.network_errors import network_cause

TIMEOUT_S = 10.0
#: Certificates are renewed weeks before their end: fewer days mean that the renewal is broken.
MIN_DAYS, HINT_DAYS = 7, 21
_DAY_S = 86_400


async def check_certificate(host: str, port: int) -> Finding:
    """Whether the certificate is valid for the host, by this machine's root certificates."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            ends_at = await _end_of_certificate(host, port)
    except (OSError, ValueError) as error:
        cause = network_cause(error) or f"no connection ({type(error).__name__})"
        return Finding(Verdict.WRONG, f"{host}:{port}: {cause}{'' if cause[-1] == '?' else '.'}")
    days = int((ends_at - time.time()) // _DAY_S)
    until = datetime.fromtimestamp(ends_at, UTC).date().isoformat()
    return _validity(f"The certificate of {host} is valid until {until} ({days} days)", days)


def _validity(sentence: str, days: int) -> Finding:
    if days < MIN_DAYS:
        return Finding(Verdict.WRONG, f"{sentence}: renew it now, and see why nothing did.")
    if days < HINT_DAYS:
        return Finding(Verdict.HINT, f"{sentence}: it is due for renewal.")
    return Finding(Verdict.OK, f"{sentence}.")


async def _end_of_certificate(host: str, port: int) -> float:
    """The end of the verified certificate in Unix seconds."""
    context = ssl.create_default_context()
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        certificate = writer.get_extra_info("peercert") or {}
        return float(ssl.cert_time_to_seconds(certificate["notAfter"]))
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1.0)
