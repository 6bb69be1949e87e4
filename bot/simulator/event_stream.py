"""``GET /simulator/events``: a session's events for the page, as server-sent events."""

from __future__ import annotations

from aiohttp import web

from bot.simulator.event_log import EventLog
from bot.simulator.messages import COOKIE, SESSIONS, find_session
from bot.simulator.protection import require_same_origin
from bot.simulator.sessions import Session

_HEARTBEAT_S = 15.0
_MAX_STREAMS = 6  #: of one session


async def stream_events(request: web.Request) -> web.StreamResponse:
    """The session's events after ``Last-Event-ID``, until the page disconnects.

    Opens a session if the cookie names none. 429: the session has too many streams.
    """
    require_same_origin(request, needs_proof=False)
    session = find_session(request) or request.app[SESSIONS].open()
    if session.streams >= _MAX_STREAMS:
        raise web.HTTPTooManyRequests(text="이 대화를 보는 창이 너무 많습니다.")
    response = _response(session, secure=request.secure)
    await response.prepare(request)
    session.streams += 1
    try:
        await _write_events(session.events, response, request.headers.get("Last-Event-ID", ""))
    except ConnectionError:
        pass  # the page has disconnected
    finally:
        session.streams -= 1
    return response


def _response(session: Session, *, secure: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.set_cookie(
        COOKIE,
        session.id,
        path="/simulator",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )
    return response


async def _write_events(events: EventLog, response: web.StreamResponse, last_event_id: str) -> None:
    position = events.position_of(last_event_id)
    await response.write(b"retry: 1500\n\n")
    while not events.closed:
        for event in events.after(position):
            await response.write(f"id: {event.id}\ndata: {event.json}\n\n".encode())
            position = event.number
        try:
            await events.wait_for_change(position, _HEARTBEAT_S)
        except TimeoutError:
            await response.write(b": still here\n\n")
