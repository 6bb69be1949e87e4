"""The page of the live tail, and its stream of server-sent events.

``turn`` carries a turn that came in, or that ended; ``skipped`` how many a slow reader missed.
"""

from __future__ import annotations

import time

import structlog
from aiohttp import web
from aiohttp_session import SESSION_KEY, Session, SessionData, get_session

from bot.admin.live.feed import LiveFeed
from bot.admin.live.items import live_item
from bot.admin.login import auth
from bot.admin.login.access import needs
from bot.admin.login.sessions import opens_for
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.http.server_sent_events import ClientGoneError, EventWriter
from bot.privacy.masking_thread import run_masking
from bot.store.latest_turns import newest_turns
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

FEED = web.AppKey("FEED", LiveFeed)

#: Turns that the page shows at first.
SHOWN = 30
WAIT_S = 1.0
#: How often it is asked whether the viewer is still logged in.
CHECK_EVERY_S = 5.0
_NO_MESSENGER = "메신저를 알 수 없습니다. 목록에서 골라 주세요."
_FULL = "실시간 페이지가 너무 많이 열려 있습니다. 다른 창을 닫고 다시 열어 주세요."


@needs(Role.VIEWER)
async def show_live(request: web.Request) -> web.StreamResponse:
    """GET /admin/live: the newest turns; its script shows those that follow."""
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    messengers = labels.translated(known)
    messenger = request.query.get("messenger", "")
    if messenger and messenger not in messengers:
        return error_page(request, 400, _(_NO_MESSENGER))
    async with request.app[DATABASE].connect() as connection:
        found = await newest_turns(connection, messenger=messenger, limit=SHOWN)
    items = await run_masking(lambda: [live_item(turn, known) for turn in found])
    details = {"people": sorted({item.sender for item in items}), "turns": len(items)}
    await record(request, AuditAction.TURNS_READ, details=details)
    shown = [item.document() for item in items]
    return page(request, "live.html", items=shown, messengers=messengers, asked=messenger)


@needs(Role.VIEWER)
async def stream_events(request: web.Request) -> web.StreamResponse:
    """GET /admin/live/events: turns as they come in and end, until the viewer leaves or logs out.

    503: too many streams.
    """
    feed, session = request.app[FEED], await get_session(request)
    messenger = request.query.get("messenger", "")
    if messenger and messenger not in request.app[MESSENGER_LABELS]:
        return error_page(request, 400, _(_NO_MESSENGER))
    viewer = str(session["user"])
    if not feed.has_room(viewer):
        return error_page(request, 503, _(_FULL))
    await record(request, AuditAction.LIVE_WATCHED, details={"messenger": messenger or "*"})
    # The middleware would write the session's cookie after the stream, when it is too late.
    request.pop(SESSION_KEY)
    writer = EventWriter(request)
    try:
        await _stream(request, writer, session, viewer, messenger)
    except ClientGoneError:
        log.debug("live_viewer_gone")
    except DATABASE_ERRORS as error:
        # The stream ends, and the browser asks again.
        log.warning("live_stream_ended", error=type(error).__name__)
    return writer.response


async def end_streams(app: web.Application) -> None:
    """End all streams: the bot stops."""
    await app[FEED].close()


async def _stream(
    request: web.Request, writer: EventWriter, session: Session, viewer: str, messenger: str
) -> None:
    feed, check_at = request.app[FEED], time.monotonic() + CHECK_EVERY_S
    with feed.follow(viewer, messenger) as follower:
        await writer.begin()
        while not feed.closed:
            items, skipped = await follower.next(WAIT_S)
            if time.monotonic() >= check_at:
                if not await _still_in(request, session):
                    return
                check_at = time.monotonic() + CHECK_EVERY_S
            if skipped:
                await writer.send("skipped", {"count": skipped})
            for item in items:
                await writer.send("turn", item.document())
            await writer.keep_alive()


async def _still_in(request: web.Request, session: Session) -> bool:
    """Whether the session goes on. A copy is asked: to watch is no use that keeps it awake."""
    data = SessionData(created=session.created, session=dict(session))
    copy = Session(None, data=data, new=False)
    gate = request.app[auth.GATE]
    if not await gate.sessions.is_alive(copy):
        return False
    user = await gate.accounts.find(copy["user"])
    return user is not None and opens_for(copy, user)
