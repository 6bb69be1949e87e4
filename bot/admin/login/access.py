"""Who may use which view: each says so beside its definition, and one that does not is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.domain.dashboard_users import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a view."""

    role: Role | None  #: None: everybody, without a login
    temporary_password: bool = False  #: also before the user has chosen a password
    offline: bool = False  #: also without Postgres, for whomever the cookie names
    max_form_bytes: int | None = None  #: of its form; None: as all forms


_RULES: dict[Handler, Rule] = {}


def public(view: Handler) -> Handler:
    """Mark a view as public."""
    _RULES[view] = Rule(role=None)
    return view


def needs(
    role: Role,
    *,
    temporary_password: bool = False,
    offline: bool = False,
    max_form_bytes: int | None = None,
) -> Callable[[Handler], Handler]:
    """Open a view to users with the role, or one that includes it."""
    rule = Rule(
        role=role,
        temporary_password=temporary_password,
        offline=offline,
        max_form_bytes=max_form_bytes,
    )

    def mark(view: Handler) -> Handler:
        _RULES[view] = rule
        return view

    return mark


def rule_for(view: Handler) -> Rule | None:
    """The view's rule; None: it has none, so nobody may use it."""
    return _RULES.get(view)


def is_public(request: web.Request) -> bool:
    """Whether the request's view is public; an unknown path has no view."""
    rule = rule_for(request.match_info.handler)
    return rule is not None and rule.role is None
