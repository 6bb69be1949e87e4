"""The names of people, for prompts of rooms where several speak."""

from __future__ import annotations

import asyncio
import time

from bot.domain.deliveries import Outcome
from bot.domain.turns import clean_text
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.ids import field

#: A name is asked for again after an hour.
KEEP_S = 3600.0
MAX_KEPT = 10_000
MAX_NAME_CHARS = 40
#: A message is not kept waiting for a name.
WAIT_S = 0.5


class People:
    """Looks up the display names of people; without users:read, their ids stand for them."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    async def name(self, team: str, user: str) -> str:
        """The person's display name, on one line; the id where it cannot be had in time."""
        until, known = self._known.get((team, user), (0.0, ""))
        if until > time.monotonic():
            return known
        try:
            async with asyncio.timeout(WAIT_S):
                result = await self._api.call(
                    "users.info", {"user": user}, team=team, keep_alive=True
                )
        except TimeoutError:
            return user
        if result.outcome not in (Outcome.DELIVERED, Outcome.REFUSED):
            return user
        name = _display_name(result.document) or user
        self._keep(team, user, name)
        return name

    def _keep(self, team: str, user: str, name: str) -> None:
        if len(self._known) >= MAX_KEPT:
            del self._known[next(iter(self._known))]
        self._known.pop((team, user), None)
        self._known[team, user] = (time.monotonic() + KEEP_S, name)


def _display_name(document: dict[str, object]) -> str:
    profile = field(document, "user", "profile")
    for place in ("display_name", "real_name"):
        raw = field(profile, place)
        if isinstance(raw, str) and (name := " ".join(clean_text(raw[:200]).split())):
            # A colon ends the name in prompts.
            return name.replace(":", " ")[:MAX_NAME_CHARS]
    return ""
