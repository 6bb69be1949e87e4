"""The events app_uninstalled and tokens_revoked: rows and cache are erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.messengers.parsing import identifier
from bot.messengers.slack.installing.bot_tokens import InstalledTokens
from bot.store.installations import Installations

log = structlog.get_logger(__name__)

#: People in one tokens_revoked event, at most.
MAX_PEOPLE = 1000


class Uninstaller:
    """Erases installations as Slack's events say."""

    def __init__(self, installations: Installations, tokens: InstalledTokens) -> None:
        self._installations = installations
        self._tokens = tokens

    async def receive(self, envelope: Mapping[str, Any]) -> int:
        """Handle an event's envelope; the number of erased rows. Raises DATABASE_ERRORS.

        Only installations from before the event are erased: it may be delivered after the app was
        installed again.
        """
        event = envelope.get("event")
        if not isinstance(event, Mapping):
            return 0
        people = _revoked_people(event)
        if event.get("type") not in ("app_uninstalled", "tokens_revoked") or people == []:
            return 0
        team, enterprise = _place(envelope)
        until = _time_of(envelope)
        count = await self._installations.erase(enterprise or None, team or None, until, people)
        self._tokens.forget(team)
        log.info("slack_uninstalled", team=team, enterprise=enterprise, rows=count)
        return count


def _place(envelope: Mapping[str, Any]) -> tuple[str, str]:
    """Team and enterprise of the installation; no team: all of the organisation's."""
    enterprise = identifier(envelope.get("enterprise_id"))
    authorizations = envelope.get("authorizations")
    first = authorizations[0] if isinstance(authorizations, list) and authorizations else {}
    organisation = isinstance(first, Mapping) and first.get("is_enterprise_install") is True
    team = "" if organisation and enterprise else identifier(envelope.get("team_id"))
    return team, enterprise


def _revoked_people(event: Mapping[str, Any]) -> list[str] | None:
    """The people whose own tokens were revoked; None: the bot's token is gone, and all with it."""
    if event.get("type") != "tokens_revoked":
        return None
    tokens = event.get("tokens")
    named = tokens if isinstance(tokens, Mapping) else {}
    if named.get("bot"):
        return None
    people = named.get("oauth")
    listed = people[:MAX_PEOPLE] if isinstance(people, list) else []
    return [person for person in map(identifier, listed) if person]


def _time_of(envelope: Mapping[str, Any]) -> datetime:
    """When it happened; now, where the event does not say it."""
    seconds = envelope.get("event_time")
    if isinstance(seconds, int) and 0 < seconds < 2**32:
        # Whole seconds: what was installed in the same second was there before.
        return datetime.fromtimestamp(seconds + 1, UTC)
    return datetime.now(UTC)
