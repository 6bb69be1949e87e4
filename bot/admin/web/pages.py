"""Rendering of pages: templates, static files, response headers, error pages."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
import jinja2
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.access import public
from bot.admin.login.identity import USER
from bot.admin.web import labels, language
from bot.admin.web.language import translate as _
from bot.admin.web.navigation import menu
from bot.admin.web.newest_first import BadPlaceError
from bot.admin.web.rendering import page_of
from bot.admin.web.template_loading import TemplateLoader
from bot.admin.web.typed import typed
from bot.domain.dashboard_users import Role
from bot.http.compiled_templates import COMPILED

log = structlog.get_logger(__name__)

#: The names of a list's cursors in its URL.
PLACES = frozenset({"after", "before"})

DATABASE = web.AppKey("DATABASE", AsyncEngine)

#: The CSRF token of the operator's session; absent on public pages.
CSRF = web.RequestKey("CSRF", str)

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_STATIC = {
    path.name: path.read_bytes()
    for path in (Path(__file__).parent / "static").iterdir()
    if path.suffix in _TYPES
}

#: Changes with the files, so that browsers may cache them forever.
STATIC_VERSION = sha256(b"".join(_STATIC[name] for name in sorted(_STATIC))).hexdigest()[:12]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The URL carries search terms.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}

_SENTENCES = {
    400: "요청을 읽을 수 없습니다.",
    403: "페이지가 만료되었습니다. 새로고침한 뒤 다시 시도해 주세요.",
    404: "페이지를 찾을 수 없습니다.",
    405: "이 주소에서 지원하지 않는 요청입니다.",
    409: "지금은 할 수 없는 변경입니다.",
    408: "요청을 받는 데 시간이 너무 오래 걸렸습니다.",
    411: "요청의 길이를 알 수 없습니다.",
    413: "보내신 내용이 너무 큽니다.",
    415: "요청의 형식을 읽을 수 없습니다.",
}

_BAD_PLACE = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_QUERY_CANCELED = "57014"
_TOO_SLOW = (
    "제한 시간 안에 검색을 마치지 못했습니다. 기간을 좁히거나 검색어를 더 길게 입력해 주세요."
)
_NO_DATABASE = "데이터베이스에 연결할 수 없습니다. 잠시 뒤에 다시 시도해 주세요."


def set_up_templates(app: web.Application) -> None:
    """Set up the application's Jinja2 environment."""
    aiohttp_jinja2.setup(
        app,
        loader=TemplateLoader("bot.admin.web"),
        bytecode_cache=COMPILED,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={"stamp": labels.stamp, "clock": labels.clock, "iso": labels.iso},
    )
    environment = aiohttp_jinja2.get_env(app)
    environment.filters["typed"] = typed
    environment.globals["_"] = _


def page(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """Render a page within the base template."""
    user = request.get(USER)
    sections, section_pages = menu(request)
    shared = {
        "csrf": request.get(CSRF, ""),
        "static_version": STATIC_VERSION,
        "language": language.chosen(),
        "user": user,
        "sections": sections,
        "section_pages": section_pages,
        "is_reviewer": user is not None and user.role.includes(Role.REVIEWER),
        "is_admin": user is not None and user.role.includes(Role.ADMIN),
        "list_query": _without_place(request),
    }
    return page_of(request, template, shared | context, status=status)


def _without_place(request: web.Request) -> str:
    """The search of a list, as its URL carries it, from the first page."""
    return urlencode(
        [(name, value) for name, value in request.query.items() if value and name not in PLACES]
    )


def error_page(request: web.Request, status: int, sentence: str = "") -> web.Response:
    """Render the error page with a sentence; "" for the status's own."""
    known = _(_SENTENCES.get(status, "요청을 처리할 수 없습니다."))
    return page(request, "error.html", status, sentence=sentence or known, code=status)


@public
async def static_file(request: web.Request) -> web.Response:
    """A stylesheet, script or image from ``static/``."""
    name = request.match_info["name"]
    if name not in _STATIC:
        raise web.HTTPNotFound
    response = web.Response(body=_STATIC[name], content_type=_TYPES[Path(name).suffix])
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


async def harden(_request: web.Request, response: web.StreamResponse) -> None:
    """Set the security headers of every response, errors included."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def with_error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn HTTP errors and database failures into error pages."""
    try:
        return await handler(request)
    except BadPlaceError:
        return error_page(request, 400, _(_BAD_PLACE))
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        response = error_page(request, refusal.status)
        if allowed := refusal.headers.get("Allow"):  # RFC 9110, 15.5.6: with each 405
            response.headers["Allow"] = allowed
        return response
    except (SQLAlchemyError, OSError) as error:
        return _without_database(request, error)


def _without_database(request: web.Request, error: Exception) -> web.Response:
    cause = error.orig if isinstance(error, DBAPIError) else error
    log.warning("admin page without database", error=type(cause).__name__, path=request.path)
    slow = getattr(cause, "sqlstate", None) == _QUERY_CANCELED
    return error_page(request, 503, _(_TOO_SLOW if slow else _NO_DATABASE))
