"""The routes of the simulator: the page, its messages and events, the platforms' endpoints."""

from __future__ import annotations

import errno
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from bot.http.body import read_body
from bot.messengers.kakao.simulator_pane import KakaoTalk, Said
from bot.messengers.slack.simulator_pane import Slack, Typed
from bot.settings import Settings
from bot.simulator.limits import KAKAO_FOLD_CHARS
from bot.simulator.recorded_post import ANSWER_BYTES
from bot.simulator.sessions import SAID_CHARS, BusyError, Exchange, Session, Sessions

COOKIE = "simulator"
HEARTBEAT_S = 15.0
STREAMS = 6  #: pages of one session that listen at once
MESSAGE_BYTES = 128 * 1024

SESSIONS = web.AppKey("SESSIONS", Sessions)
KAKAO = web.AppKey("KAKAO", KakaoTalk)
SLACK = web.AppKey("SLACK", Slack)
SETTINGS = web.AppKey("SETTINGS", Settings)

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_FAR = "시뮬레이터는 IP 주소나 localhost로만 열 수 있습니다."

Model = TypeVar("Model", bound=BaseModel)


def create_simulator(settings: Settings, base_url: Callable[[], str]) -> web.Application:
    """The sub-application for ``/simulator``.

    ``base_url``: where the bot answers, such as "http://127.0.0.1:8080", asked for at every
    message. The bot must allow that origin for callbacks and response URLs.
    """
    app = web.Application(middlewares=[near, nameable])
    app[SETTINGS] = settings
    app[SESSIONS] = Sessions()
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    app.router.add_get("", show_page)
    app.router.add_get("/", show_page)
    app.router.add_get("/events", stream_events, name="events")
    app.router.add_post("/kakao/messages", say_to_kakao, name="kakao")
    app.router.add_post("/slack/messages", say_to_slack, name="slack")
    app.router.add_post("/reset", reset, name="reset")
    app.router.add_post("/kakao/callback/{token}", take_callback)
    app.router.add_post("/slack/response/{token}", take_response)
    app.router.add_static("/static", _HERE / "static", name="static")
    app.on_response_prepare.append(_protect)
    app.on_shutdown.append(_close_sessions)
    app.cleanup_ctx.append(_platforms(settings, base_url))
    return app


def _platforms(
    settings: Settings, base_url: Callable[[], str]
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def platforms(app: web.Application) -> AsyncIterator[None]:
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(cookie_jar=jar) as http:
            secret = next(iter(settings.kakao_secrets), "")
            app[KAKAO] = KakaoTalk(http, secret, base_url)
            app[SLACK] = Slack(http, settings.slack_signing_secret.get_secret_value(), base_url)
            yield

    return platforms


@web.middleware
async def nameable(request: web.Request, handler: Handler) -> web.StreamResponse:
    """404 for a name that is too long for any file: aiohttp's static route would answer 500."""
    try:
        return await handler(request)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise web.HTTPNotFound from error
        raise


@web.middleware
async def near(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 421 a host that strangers could own: an address or a name without dots is near.

    A page on evil.example that makes its own name point here (DNS rebinding) would otherwise be
    of the same origin as this one.
    """
    host = re.sub(r":[0-9]*$", "", request.host)
    if "." in host and not _is_address(host.strip("[]")):
        raise _refusal(web.HTTPMisdirectedRequest, _FAR)
    return await handler(request)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _protect(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-cache")


async def _close_sessions(app: web.Application) -> None:
    app[SESSIONS].close()


@aiohttp_jinja2.template("simulator.html")
async def show_page(_request: web.Request) -> dict[str, object]:
    """The page. It carries no text of anyone: the events bring those."""
    return {"fold_chars": KAKAO_FOLD_CHARS, "said_chars": SAID_CHARS}


async def stream_events(request: web.Request) -> web.StreamResponse:
    """The session's events from ``Last-Event-ID`` on, for as long as the page listens.

    Opens a session where the cookie names none. 429: too many pages listen already.
    """
    _require_same_origin(request, needed=False)
    session = _session(request) or request.app[SESSIONS].open()
    if session.streams >= STREAMS:
        raise _refusal(web.HTTPTooManyRequests, "이 대화를 보는 창이 너무 많습니다.")
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.set_cookie(
        COOKIE,
        session.id,
        path="/simulator",
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
    await response.prepare(request)
    session.streams += 1
    try:
        await _pour(session, response, request.headers.get("Last-Event-ID", ""))
    except ConnectionError:
        pass  # the page has gone
    finally:
        session.streams -= 1
    return response


async def _pour(session: Session, response: web.StreamResponse, last_event_id: str) -> None:
    place = session.place_of(last_event_id)
    await response.write(b"retry: 1500\n\n")
    while not session.closed:
        for event in session.after(place):
            await response.write(f"id: {event.id}\ndata: {event.json}\n\n".encode())
            place = event.number
        try:
            await session.changed(place, HEARTBEAT_S)
        except TimeoutError:
            await response.write(b": still here\n\n")


async def say_to_kakao(request: web.Request) -> web.Response:
    """A message typed or a button tapped in the Kakao pane; 202, what follows is an event."""
    said, session = await _message(request, Said)
    if not request.app[SETTINGS].kakao_secrets:
        raise _refusal(web.HTTPConflict, "BOT_KAKAO_SECRET이 설정되지 않았습니다.")
    _run(session, request.app[KAKAO].say(Exchange(session, "kakao"), said))
    return web.Response(status=202)


async def say_to_slack(request: web.Request) -> web.Response:
    """A command typed in the Slack pane; 202, what follows is an event."""
    typed, session = await _message(request, Typed)
    if not request.app[SETTINGS].slack_signing_secret:
        raise _refusal(web.HTTPConflict, "BOT_SLACK_SIGNING_SECRET이 설정되지 않았습니다.")
    _run(session, request.app[SLACK].say(Exchange(session, "slack"), typed))
    return web.Response(status=202)


async def reset(request: web.Request) -> web.Response:
    """Forget this session: the next one is a new person to the bot."""
    _require_same_origin(request)
    if session := _session(request):
        request.app[SESSIONS].end(session)
    return web.Response(status=204)


async def take_callback(request: web.Request) -> web.Response:
    """Kakao's callback host, as the bot sees it."""
    raw = await _body(request, ANSWER_BYTES)
    status, receipt = request.app[KAKAO].receive_callback(request.match_info["token"], raw)
    return web.json_response(receipt, status=status)


async def take_response(request: web.Request) -> web.Response:
    """Slack's response_url host, as the bot sees it: the text "ok", or a JSON error."""
    raw = await _body(request, ANSWER_BYTES)
    status, answer = request.app[SLACK].receive_response(request.match_info["token"], raw)
    if status == 200:
        return web.Response(text="ok")
    return web.json_response(answer, status=status)


def _refusal(kind: type[web.HTTPException], reason: str) -> web.HTTPException:
    """The page shows the text as it is."""
    return kind(text=reason)


def _session(request: web.Request) -> Session | None:
    return request.app[SESSIONS].get(request.cookies.get(COOKIE, ""))


def _require_same_origin(request: web.Request, *, needed: bool = True) -> None:
    """Refuse with 403 what another site's page sends; ``needed``: and what names no origin."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in {None, "same-origin"} or (
        origin is not None and _netloc(origin) != request.host
    )
    if foreign or (needed and site is None and origin is None):
        raise _refusal(web.HTTPForbidden, "이 페이지에서만 보낼 수 있습니다.")


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


async def _message(request: web.Request, model: type[Model]) -> tuple[Model, Session]:
    """What the page sent and whose session it is; raises 403, 400, 409, 413 or 415."""
    _require_same_origin(request)
    if request.content_type != "application/json":
        raise _refusal(web.HTTPUnsupportedMediaType, "JSON이어야 합니다.")
    raw = await _body(request, MESSAGE_BYTES)
    session = _session(request)
    if session is None:
        raise _refusal(web.HTTPConflict, "대화가 끊어졌습니다. 다시 보내 주세요.")
    try:
        return model.model_validate_json(raw), session
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise _refusal(web.HTTPBadRequest, f"보낼 수 없습니다: {fault['msg']}") from error


def _run(session: Session, exchange: Coroutine[Any, Any, None]) -> None:
    try:
        session.run(exchange)
    except BusyError as busy:
        raise _refusal(web.HTTPTooManyRequests, "아직 기다리는 답이 너무 많습니다.") from busy


async def _body(request: web.Request, most: int) -> bytes:
    raw = await read_body(request)
    if len(raw) > most:
        raise web.HTTPRequestEntityTooLarge(most, len(raw))
    return raw
