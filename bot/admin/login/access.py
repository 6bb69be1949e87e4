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
    #: Whether words are typed into its form, which outlive the end of a session.
    keeps_text: bool = False
    #: The view that shows such a form again, in place of a page of what was typed.
    when_stale: Handler | None = None


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
    keeps_text: bool = False,
    when_stale: Handler | None = None,
) -> Callable[[Handler], Handler]:
    """Open a view to users with the role, or one that includes it.

    ``keeps_text``: nothing is lost that was typed into its form while the session ended.
    ``when_stale``: called in its place for a form of the user's ended session. It changes nothing.
    """
    rule = Rule(
        role=role,
        temporary_password=temporary_password,
        offline=offline,
        max_form_bytes=max_form_bytes,
        keeps_text=keeps_text or when_stale is not None,
        when_stale=when_stale,
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


def keeps_text(request: web.Request) -> bool:
    """Whether the request is a form whose text must not be lost, whoever may not send it."""
    rule = rule_for(request.match_info.handler)
    return request.method == "POST" and rule is not None and rule.keeps_text
