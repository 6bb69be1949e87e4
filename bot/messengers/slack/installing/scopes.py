"""The bot's scopes: asked for by OAuth and in the manifest, examined by the doctor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slack_sdk.oauth.installation_store import Bot, Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A permission of the bot user."""

    name: str
    without: str  #: the effect of its absence
    optional: bool = False  #: everything else works without it


SCOPES = (
    # The slash command itself.
    Scope(name="commands", without="nobody can use the slash command"),
    # Every message of the bot, streams and the status of an agent too.
    Scope(name="chat:write", without="answers go to their response_url and cannot be looked up"),
    # The event of a mention, the only way into a channel without a command.
    Scope(name="app_mentions:read", without="mentions in channels stay unanswered"),
    # The events of direct messages.
    Scope(name="im:history", without="direct messages stay unanswered"),
    # Threads that go on without a mention, and the lookup of unconfirmed answers.
    Scope(
        name="channels:history",
        without="threads in public channels need a mention each time, and what is lost there "
        "stays unconfirmed",
        optional=True,
    ),
    Scope(
        name="groups:history",
        without="threads in private channels need a mention each time, and what is lost there "
        "stays unconfirmed",
        optional=True,
    ),
    # The agent's tab with its suggested prompts and its status.
    Scope(
        name="assistant:write", without="the agent's tab has no suggested prompts", optional=True
    ),
    # Names for the prompt in rooms where several people speak.
    Scope(
        name="users:read", without="the model knows people in channels by no name", optional=True
    ),
    # The pictures of messages, for a model that sees.
    Scope(name="files:read", without="pictures cannot be opened", optional=True),
)
SCOPE_NAMES = tuple(scope.name for scope in SCOPES)


def missing_scopes(granted: Iterable[str]) -> list[Scope]:
    """The scopes that a token lacks."""
    names = frozenset(granted)
    return [scope for scope in SCOPES if scope.name not in names]


def granted_scopes(installed: Bot | Installation) -> frozenset[str]:
    """The scopes of an installation, which slack_sdk keeps as a list or with commas between."""
    scopes = installed.bot_scopes or ()
    names = scopes.split(",") if isinstance(scopes, str) else scopes
    return frozenset(name.strip() for name in names)
