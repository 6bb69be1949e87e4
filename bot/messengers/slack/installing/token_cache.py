"""The bot's tokens in memory, by workspace: bounded, for minutes, without those Slack refuses."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

#: How long a token is used before Postgres is asked again, and how long the absence of one.
TOKEN_S, ABSENCE_S = 300.0, 30.0
#: After so long a refused token is tried again: a workspace may come back.
DEAD_S = 600.0
#: The maximum of workspaces; those used least recently are read again.
MAX_WORKSPACES = 10_000

Workspace = tuple[str, str]  #: team, enterprise


@dataclass(frozen=True, slots=True)
class _Known:
    token: str = ""  #: empty: there is none
    until: float = 0.0  #: on the monotonic clock
    dead: str = ""  #: a token that Slack refuses
    dead_until: float = 0.0


_NOTHING = _Known()


class TokenCache:
    """What this process knows of each workspace."""

    def __init__(self) -> None:
        self._known: OrderedDict[Workspace, _Known] = OrderedDict()

    def fresh(self, workspace: Workspace) -> str | None:
        """The token, empty for none; None where Postgres has to be asked."""
        known = self._known.get(workspace, _NOTHING)
        if known.until <= time.monotonic():
            return None
        self._known.move_to_end(workspace)
        return known.token

    def latest(self, workspace: Workspace) -> str:
        """The token that was read last, however long ago."""
        return self._known.get(workspace, _NOTHING).token

    def keep(self, workspace: Workspace, token: str) -> str:
        """Remember what Postgres has; the token, or "" while Slack refuses it."""
        now, known = time.monotonic(), self._known.get(workspace, _NOTHING)
        if token and not (now < known.dead_until and _same(known.dead, token)):
            self._remember(workspace, _Known(token, now + TOKEN_S))
            return token
        self._remember(workspace, replace(known, token="", until=now + ABSENCE_S))
        return ""

    def refuse(self, workspace: Workspace, token: str) -> bool:
        """Use a token no more, unless a newer one is known already; then False."""
        known = self._known.get(workspace, _NOTHING)
        if known.token and not _same(known.token, token):
            return False
        self._remember(workspace, _Known(dead=token, dead_until=time.monotonic() + DEAD_S))
        return True

    def forget(self, team: str, enterprise: str) -> None:
        """Ask Postgres at the next call. No team: for all workspaces of the enterprise."""
        for workspace in [(team, enterprise)] if team else list(self._known):
            if workspace[1] == enterprise:
                self._known.pop(workspace, None)

    def _remember(self, workspace: Workspace, known: _Known) -> None:
        self._known[workspace] = known
        self._known.move_to_end(workspace)
        if len(self._known) > MAX_WORKSPACES:
            self._known.popitem(last=False)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
