"""Checks shared by several messengers' settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.domain.findings import Finding, Verdict


def origins_without_tls(name: str, hosts: Iterable[str]) -> Iterator[Finding]:
    """A finding for each plain-HTTP origin beyond this machine in the allow-list ``name``."""
    for host in hosts:
        if host.startswith("http://") and not host.startswith("http://127.0.0.1"):
            yield Finding(Verdict.WRONG, f"{name} allows {host} without TLS.")
