"""The log of an outage: its begin with the cause, every change of the cause, and its end."""

from __future__ import annotations

import time

import structlog

log = structlog.get_logger(__name__)

#: A server that comes and goes with the same cause is logged so often at most.
QUIET_S = 30.0


class OutageLog:
    """Logs ``<name>_unreachable`` and ``<name>_reachable``, each once."""

    def __init__(self, name: str, where: str) -> None:
        self._begun, self._ended = f"{name}_unreachable", f"{name}_reachable"
        self._where = where
        self._cause = ""  #: of the present outage; empty: there is none
        self._began_at = 0.0
        self._logged: tuple[str, float] = ("", 0.0)  #: the newest logged cause, and when
        self._told = False  #: whether the present outage has a line

    def begin(self, cause: str) -> None:
        """Note a failed connection."""
        now = time.monotonic()
        if cause == self._cause:
            return
        if not self._cause:
            self._began_at = now
        self._cause = cause
        last, logged_at = self._logged
        if cause == last and now - logged_at < QUIET_S:
            return
        self._logged, self._told = (cause, now), True
        log.warning(self._begun, where=self._where, cause=cause)

    def end(self) -> None:
        """Note a connection."""
        if not self._cause:
            return
        told, self._cause, self._told = self._told, "", False
        if told:
            lasted_s = round(time.monotonic() - self._began_at, 1)
            log.info(self._ended, where=self._where, after_s=lasted_s)
