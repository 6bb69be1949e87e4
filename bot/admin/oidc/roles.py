"""Which role a person has: BOT_ADMIN_OIDC_ROLES, over a claim of the ID token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.domain.dashboard_users import Role

#: Stands for everybody whom the provider lets in.
EVERYBODY = "*"
#: Groups of one person that are looked at.
_MAX_VALUES = 1000


class RoleRules:
    """The values of a claim and their roles, such as ``admin=chat-admins``. Raises ValueError."""

    def __init__(self, claim: str, rules: Iterable[str]) -> None:
        self._claim = claim.split(".")
        self._roles: dict[str, Role] = {}
        for rule in rules:
            name, equals, value = rule.partition("=")
            if not equals or not value.strip():
                raise ValueError(f"{rule!r}: ROLE=VALUE is needed, such as admin=chat-admins")
            self._add(value.strip(), Role(name.strip()))

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """The highest role of the person; None: no rule lets them in."""
        found = [self._roles[value] for value in self._values(claims) if value in self._roles]
        if EVERYBODY in self._roles:
            found.append(self._roles[EVERYBODY])
        return max(found, key=list(Role).index, default=None)

    def _add(self, value: str, role: Role) -> None:
        known = self._roles.get(value)
        self._roles[value] = known if known and known.includes(role) else role

    def _values(self, claims: Mapping[str, Any]) -> list[str]:
        """The claim's text or texts; dots in its name lead into objects."""
        found: Any = claims
        for name in self._claim:
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            return [found]
        listed = found[:_MAX_VALUES] if isinstance(found, list) else []
        return [value for value in listed if isinstance(value, str)]
