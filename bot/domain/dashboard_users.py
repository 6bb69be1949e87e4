"""The people who use the dashboard: their roles, and what a login needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do on the dashboard; each role includes those before it."""

    VIEWER = "viewer"  #: reads, with personal data masked
    REVIEWER = "reviewer"  #: judges answers
    ADMIN = "admin"  #: sends again, manages users, reads the audit log

    def includes(self, needed: Role) -> bool:
        """Whether this role may do what ``needed`` may do."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = (Role.VIEWER, Role.REVIEWER, Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardUser:
    """A person who may log in."""

    name: str
    role: Role
    id: int | None = None  #: None: the admin of the settings, whom no database knows yet
    password_hash: str | None = None  #: argon2; None: nobody logs in with a stored password
    must_change_password: bool = False  #: somebody else chose it
    language: str | None = None  #: ko or en; None: what the browser asks for
    generation: int = 0  #: sessions of an older one have ended
    totp_secret: str | None = None  #: as it is stored: encrypted
    totp_since: datetime | None = None  #: the second factor is asked for; None: it is off
    recovery_codes: int = 0  #: the unused ones
    disabled_at: datetime | None = None
    created_at: datetime | None = None
    last_login_at: datetime | None = None
    temporary_until: datetime | None = None  #: the password's end; None: it has none

    def may_log_in(self, now: datetime) -> bool:
        """Whether a right password lets the user in; ``now``: aware."""
        ends = self.temporary_until if self.must_change_password else None
        return self.disabled_at is None and (ends is None or now < ends)

    @property
    def has_second_factor(self) -> bool:
        """Whether a login needs a code beside the password."""
        return self.totp_since is not None
