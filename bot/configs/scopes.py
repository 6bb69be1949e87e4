"""Which scopes there can be."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from bot.domain.bot_config import Scope
from bot.domain.turns import clean_text

#: A name of a scope's part, or of an author.
MAX_NAME_CHARS = 200


class ScopeProblem(StrEnum):
    """Why there can be no such scope."""

    UNKNOWN_MESSENGER = "unknown_messenger"
    TENANT_ALONE = "tenant_alone"  #: a tenant without its messenger
    ROOM_ALONE = "room_alone"  #: a room without its tenant
    LONG = "long"


class BadScopeError(ValueError):
    """There can be no such scope; the text is the problem's word."""

    def __init__(self, problem: ScopeProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def read_scope(messenger: str, tenant: str, room: str, *, messengers: Collection[str]) -> Scope:
    """The scope of typed names. Raises BadScopeError."""
    scope = Scope(clean_text(messenger), clean_text(tenant), clean_text(room))
    if scope.messenger and scope.messenger not in messengers:
        raise BadScopeError(ScopeProblem.UNKNOWN_MESSENGER)
    if scope.tenant and not scope.messenger:
        raise BadScopeError(ScopeProblem.TENANT_ALONE)
    if scope.room and not scope.tenant:
        raise BadScopeError(ScopeProblem.ROOM_ALONE)
    if any(len(part) > MAX_NAME_CHARS for part in scope):
        raise BadScopeError(ScopeProblem.LONG)
    return scope
