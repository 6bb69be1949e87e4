"""The user of a person whom the provider vouches for: by issuer and subject alone.

A name or a mail address links nobody: whoever could choose it at the provider would take over the
local account of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.oidc.errors import Fault, OidcError
from bot.admin.users.rules import MAX_NAME_CHARS, UnsoundError, sound_name
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.dashboard_users import DashboardUser, Role
from bot.store import audit_log, dashboard_identities, dashboard_users

#: Claims that may name a new user, the first that can be a name.
_NAMES = ("preferred_username", "email", "name")
_MAX_SUBJECT_CHARS = 255  #: OpenID Connect Core 1.0, section 2
_SUFFIX_CHARS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the provider vouches for."""

    issuer: str
    claims: Mapping[str, Any]
    role: Role

    @property
    def subject(self) -> str:
        """The provider's own name of the person. Raises OidcError."""
        subject = self.claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_CHARS:
            raise OidcError(Fault.CLAIMS)
        if not subject.isprintable():
            raise OidcError(Fault.CLAIMS)
        return subject

    def names(self) -> list[str]:
        """Names for a new user, in the order to try: the provider's, then with a suffix."""
        digest = blake2s(f"{self.issuer}\n{self.subject}".encode()).hexdigest()[:_SUFFIX_CHARS]
        wished = next((name for name in map(self._sound, _NAMES) if name), "user")
        room = MAX_NAME_CHARS - _SUFFIX_CHARS - 1
        return [wished, f"{wished[:room]}-{digest}"]

    def _sound(self, claim: str) -> str:
        value = self.claims.get(claim)
        try:
            return sound_name(value) if isinstance(value, str) else ""
        except UnsoundError:
            return ""


async def link(
    connection: AsyncConnection,
    person: Person,
    *,
    is_taken: Callable[[str], bool],
    entry: Callable[..., AuditEntry],
) -> DashboardUser:
    """The person's user, with the role of this login; the commit is the caller's.

    ``is_taken``: names that nobody gets. ``entry``: makes an entry of the audit log. Raises
    OidcError.
    """
    user = await dashboard_identities.find_user(connection, person.issuer, person.subject)
    if user is None:
        return await _add(connection, person, is_taken, entry)
    if user.disabled_at:
        raise OidcError(Fault.DISABLED, subject=person.subject)
    if user.role is not person.role:
        user_id = _id(user)
        await dashboard_users.set_role(connection, user_id, person.role)
        details = {"before": user.role.value, "after": person.role.value, "by": person.issuer}
        await _log(connection, entry, AuditAction.USER_ROLE_CHANGED, user.name, details)
        user = await dashboard_users.find_by_id(connection, user_id) or user
    return user


async def _add(
    connection: AsyncConnection,
    person: Person,
    is_taken: Callable[[str], bool],
    entry: Callable[..., AuditEntry],
) -> DashboardUser:
    for name in person.names():
        if is_taken(name):
            continue
        user_id = await dashboard_users.add(connection, name, person.role, password_hash=None)
        user = await dashboard_users.find_by_id(connection, user_id) if user_id else None
        if user is not None:
            await dashboard_identities.add(connection, person.issuer, person.subject, _id(user))
            details = {"role": person.role.value, "by": person.issuer}
            await _log(connection, entry, AuditAction.USER_ADDED, name, details)
            return user
    raise OidcError(Fault.CLAIMS, subject=person.subject)


async def _log(
    connection: AsyncConnection,
    entry: Callable[..., AuditEntry],
    action: AuditAction,
    name: str,
    details: Mapping[str, str],
) -> None:
    made = entry(action, f"user:{name}", actor=name, details=details)
    await audit_log.append(connection, [made])


def _id(user: DashboardUser) -> int:
    assert user.id is not None  # noqa: S101 - a user of the database
    return user.id
