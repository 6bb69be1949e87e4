"""One method of the Web API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import Arguments
from bot.messengers.slack.simulated_workspace.records import Token
from bot.messengers.slack.simulated_workspace.tokens import require_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose token is valid."""

    arguments: Arguments
    token: Token

    def require_scope(self, *alternatives: str) -> None:
        """Raise SlackError("missing_scope") unless the token has one of these."""
        require_scope(self.token, *alternatives)


#: Returns the response's fields beside ``ok``; raises SlackError.
Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """``scopes``: one of them is enough; none: any token will do. ``tier``: of its rate limit."""

    name: str
    handle: Handler
    scopes: tuple[str, ...] = ()
    tier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReply:
    """A response of the Web API."""

    document: dict[str, Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
