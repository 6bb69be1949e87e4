"""Scopes in addresses, forms and words."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bot.admin.bot_settings.words import SCOPE_PROBLEMS
from bot.admin.login.identity import USER
from bot.admin.reading.parts import KEYS
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.configs.scopes import BadScopeError, read_scope
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.store.reading.room import Room


class UnreadableError(Exception):
    """An address or form that names nothing; the text is a sentence in the request's language."""


def scope_in(request: web.Request, fields: Mapping[str, str]) -> Scope:
    """The scope that a query or form names. Raises UnreadableError."""
    typed = (fields.get(name, "") for name in Scope._fields)
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    try:
        return read_scope(*typed, messengers=known)
    except BadScopeError as error:
        raise UnreadableError(_(SCOPE_PROBLEMS[error.problem])) from None


def version_in(typed: str) -> int:
    """A version number. Raises UnreadableError."""
    if version := whole_number(typed):
        return version
    raise UnreadableError(_("버전 번호를 읽을 수 없습니다."))


def address(request: web.Request, name: str, scope: Scope, **values: object) -> str:
    """The address of a page about the scope; values that are empty are left out."""
    query = {**scope._asdict(), **values}
    given = {key: str(value) for key, value in query.items() if value}
    return str(request.app.router[name].url_for().with_query(given))


def settings_address(request: web.Request, messenger: str, tenant: str, room: str) -> str:
    """The page of the closest settings for a place; "" where there can be none for it."""
    fields = {"messenger": messenger, "tenant": tenant, "room": room}
    try:
        return address(request, "bot_settings_scope", scope_in(request, fields))
    except UnreadableError:
        return ""


def talks_address(request: web.Request, scope: Scope) -> str:
    """The conversations for which the scope counts: a room's page, or a search; "" for all."""
    router = request.app.router
    if scope.room:
        room = Room(messenger=scope.messenger, tenant=scope.tenant, name=scope.room)
        return str(router["room"].url_for(key=request.app[KEYS].of_room(room)))
    if not scope.messenger:
        return ""
    terms = [f"messenger:{scope.messenger}"]
    if scope.tenant:
        terms.append(f'tenant:"{scope.tenant}"')
    return str(router["turns"].url_for().with_query(q=" ".join(terms)))


def words_of(request: web.Request, scope: Scope) -> str:
    """The scope in words, such as "Slack · T01 · C01"."""
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    if not scope.messenger:
        return _("전체")
    messenger = labels.label(scope.messenger, known)
    if not scope.tenant:
        return _("{messenger} 전체", messenger=messenger)
    return " · ".join(part for part in (messenger, scope.tenant, scope.room) if part)


def is_reviewer(request: web.Request) -> bool:
    """Whether the user may draft settings and try them."""
    return request[USER].role.includes(Role.REVIEWER)
