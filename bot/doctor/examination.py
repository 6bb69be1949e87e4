"""All checks in their order, and the report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bot.configuration import Configuration, ConfigurationError
from bot.doctor.adapters import check_adapters
from bot.doctor.machine import check_machine
from bot.doctor.names import check_names
from bot.doctor.public_url import PublicUrlCheck
from bot.doctor.stores import check_postgres, check_valkey
from bot.doctor.worker_settings import check_shared_stores, check_worker_settings
from bot.domain.findings import Finding, Verdict

Write = Callable[[str], object]


async def examine(configuration: Configuration, write: Write, *, url: str = "") -> int:
    """Write a line per finding; exit status 1 where anything is wrong.

    ``url``: the public address of the webhooks, such as ``https://bot.example.com``; empty: only
    this machine is examined.
    """
    report = Report(write)
    for finding in (*check_names(), *check_worker_settings()):
        report.add(finding)
    async for finding in _findings(configuration):
        report.add(finding)
    if url:
        async for finding in PublicUrlCheck(configuration).check(url):
            report.add(finding)
    return report.close()


def refuse(error: ConfigurationError, write: Write) -> int:
    """The report on settings that cannot be read."""
    report = Report(write)
    for finding in (*check_names(), *check_worker_settings()):
        report.add(finding)
    for line in error.lines:
        report.add(Finding(Verdict.WRONG, f"{line}."))
    return report.close()


class Report:
    """Writes findings and counts the problems."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._wrong = 0

    def add(self, finding: Finding) -> None:
        """Write one finding."""
        self._write(f"{finding.verdict:>5}  {finding.sentence}\n")
        self._wrong += finding.verdict is Verdict.WRONG

    def close(self) -> int:
        """Write the sum; the exit status."""
        count = f"{self._wrong} problem{'s' if self._wrong > 1 else ''} to fix"
        self._write(f"\n{count if self._wrong else 'Nothing is wrong'}.\n")
        return 1 if self._wrong else 0


async def _findings(configuration: Configuration) -> AsyncIterator[Finding]:
    for messenger in configuration.messengers:
        async for finding in messenger.checks():
            yield finding
    if not any(messenger.probe() for messenger in configuration.messengers):
        yield Finding(Verdict.WRONG, "No messenger is on: nobody can write to this bot.")
    for finding in check_machine(configuration.settings):
        yield finding
    async for finding in check_postgres(configuration.settings):
        yield finding
    async for finding in check_valkey(configuration.settings):
        yield finding
    async for finding in check_adapters(configuration.settings):
        yield finding
    for finding in check_shared_stores(configuration.settings):
        yield finding
