"""Checks shared by several messengers' settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from bot.domain.findings import Finding, Verdict
from runtime.ip_address import is_loopback


def origins_without_tls(name: str, hosts: Iterable[str]) -> Iterator[Finding]:
    """A finding for each plain-HTTP origin beyond this machine in the allow-list ``name``."""
    for host in hosts:
        if host.startswith("http://") and not _is_of_this_machine(host):
            yield Finding(Verdict.WRONG, f"{name} allows {host} without TLS.")


def _is_of_this_machine(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
