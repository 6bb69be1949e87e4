"""The tokens of a workspace's app."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.records import Token


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Tokens by value. ``any``: what every other bot token may do; None refuses it."""

    known: dict[str, Token] = field(default_factory=dict)
    any: Token | None = None

    def add(self, value: str, *scopes: str) -> Token:
        """A token with these scopes; without any, with all of the manifest."""
        token = Token(scopes={*scopes}) if scopes else Token()
        self.known[value] = token
        return token

    def revoke(self, value: str, error: str = "token_revoked") -> None:
        """From now on Slack refuses this token."""
        self.known.setdefault(value, Token()).error = error

    def authorise(self, value: str) -> Token:
        """The token; raises SlackError."""
        token = self.known.get(value)
        if token is None and self.any is not None and value.startswith("xoxb-"):
            token = self.any
        if token is None:
            raise SlackError("invalid_auth" if value.startswith("xox") else "not_authed")
        if token.error:
            raise SlackError(token.error)
        return token


def require_scope(token: Token, *alternatives: str) -> None:
    """Raise SlackError("missing_scope") without any of these scopes."""
    if not token.scopes & {*alternatives}:
        provided = ",".join(sorted(token.scopes))
        raise SlackError("missing_scope", needed=alternatives[0], provided=provided)
