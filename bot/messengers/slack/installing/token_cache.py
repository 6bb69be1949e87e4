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


@dataclass(frozen=True, slots=True)
class _Known:
    token: str = ""  #: empty: there is none
    until: float = 0.0  #: on the monotonic clock
    dead: str = ""  #: a token that Slack refuses
    dead_until: float = 0.0


_NOTHING = _Known()


class TokenCache:
    """What this process knows of each workspace, by its team's id."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def fresh(self, team: str) -> str | None:
        """The token, empty for none; None where Postgres has to be asked."""
        known = self._known.get(team, _NOTHING)
        if known.until <= time.monotonic():
            return None
        self._known.move_to_end(team)
        return known.token

    def latest(self, team: str) -> str:
        """The token that was read last, however long ago."""
        return self._known.get(team, _NOTHING).token

    def keep(self, team: str, token: str) -> str:
        """Remember what Postgres has; the token, or "" while Slack refuses it."""
        now, known = time.monotonic(), self._known.get(team, _NOTHING)
        if token and not (now < known.dead_until and _same(known.dead, token)):
            self._remember(team, _Known(token, now + TOKEN_S))
            return token
        self._remember(team, replace(known, token="", until=now + ABSENCE_S))
        return ""

    def refuse(self, team: str, token: str) -> bool:
        """Use a token no more, unless a newer one is known already; then False."""
        known = self._known.get(team, _NOTHING)
        if known.token and not _same(known.token, token):
            return False
        self._remember(team, _Known(dead=token, dead_until=time.monotonic() + DEAD_S))
        return True

    def forget(self, team: str) -> None:
        """Ask Postgres at the next call; without a team for all workspaces."""
        if team:
            self._known.pop(team, None)
        else:
            self._known.clear()

    def _remember(self, team: str, known: _Known) -> None:
        self._known[team] = known
        self._known.move_to_end(team)
        if len(self._known) > MAX_WORKSPACES:
            self._known.popitem(last=False)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
