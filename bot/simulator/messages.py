"""Messages that the page posts to a pane. The page shows the text of a refusal as it is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from bot.http.body import read_body
from bot.simulator.pane import SimulatorPane
from bot.simulator.protection import require_same_origin
from bot.simulator.sessions import BusyError, Exchange, Session, Sessions

COOKIE = "simulator"
_MAX_MESSAGE_BYTES = 128 * 1024

SESSIONS = web.AppKey("SESSIONS", Sessions)

Message = TypeVar("Message", bound=BaseModel)


async def start_exchange(
    request: web.Request,
    pane: SimulatorPane,
    model: type[Message],
    send: Callable[[Exchange, Message], Coroutine[Any, Any, None]],
) -> web.Response:
    """Read the page's message and ``send`` it in the background; 202, events follow.

    Raises 403, 400, 409, 413, 415 or 429.
    """
    message, session = await _read_message(request, model)
    if pane.missing_setting:
        raise web.HTTPConflict(text=f"{pane.missing_setting}이 설정되지 않았습니다.")
    try:
        session.run(send(Exchange(session, pane.name), message))
    except BusyError as busy:
        raise web.HTTPTooManyRequests(text="아직 기다리는 답변이 너무 많습니다.") from busy
    return web.Response(status=202)


def find_session(request: web.Request) -> Session | None:
    """The session of the request's cookie."""
    return request.app[SESSIONS].get(request.cookies.get(COOKIE, ""))


async def read_bounded(request: web.Request, max_bytes: int) -> bytes:
    """The request's body; raises 413."""
    raw = await read_body(request)
    if len(raw) > max_bytes:
        raise web.HTTPRequestEntityTooLarge(max_bytes, len(raw))
    return raw


async def _read_message(request: web.Request, model: type[Message]) -> tuple[Message, Session]:
    require_same_origin(request)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON이어야 합니다.")
    raw = await read_bounded(request, _MAX_MESSAGE_BYTES)
    session = find_session(request)
    if session is None:
        raise web.HTTPConflict(text="대화가 끊어졌습니다. 다시 보내 주세요.")
    try:
        return model.model_validate_json(raw), session
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise web.HTTPBadRequest(text=f"보낼 수 없습니다: {fault['msg']}") from error
