"""The pages of conversations, people and rooms."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from bot.admin.bot_settings.scopes import settings_address
from bot.admin.login.access import needs
from bot.admin.reading import conversation_page, person_page, room_page
from bot.admin.reading.conversation_page import Page
from bot.admin.reading.parts import DISPLAY, KEYS
from bot.admin.turns.filters import BadCursor, Cursor
from bot.admin.turns.queries import MAX_ID
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.unmasking.unmasked import UNMASKED
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import read_before
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking import masking, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store.reading.conversation import Conversation
from bot.store.reading.room import Room

_BAD_CURSOR = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_NO_CONVERSATION = "해당 대화를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
_NO_PERSON = "해당 사용자를 찾을 수 없습니다. 주소가 잘못되었거나 대시보드 비밀번호가 바뀌었습니다."
_NO_ROOM = "해당 채널을 찾을 수 없습니다. 주소가 잘못되었거나 대시보드 비밀번호가 바뀌었습니다."


@needs(Role.VIEWER)
async def show_conversation(request: web.Request) -> web.StreamResponse:
    """GET /admin/conversations/{id}: consecutive turns of one conversation, as they were seen."""
    anchors = {name: request.query.get(name) for name in ("before", "after")}
    read = {name: read_number(raw or "") for name, raw in anchors.items()}
    if any(raw is not None and read[name] is None for name, raw in anchors.items()):
        return error_page(request, 400, _(_BAD_CURSOR))
    number = read_number(request.match_info["id"])
    database, display, keys = request.app[DATABASE], request.app[DISPLAY], request.app[KEYS]
    found = None if number is None else await conversation_page.load(database, number, **read)
    if found is None:
        return error_page(request, 404, _(_NO_CONVERSATION))
    conversation = found.conversation
    until = await request.app[UNMASKED].until(request, conversation.id)
    with masking(on=until is None):
        shown = await run_masking(lambda: conversation_page.compose(found, display, keys))
    await _record(request, conversation, shown, unmasked=until is not None)
    room = Room(
        messenger=conversation.messenger, tenant=conversation.tenant, name=conversation.room
    )
    return page(
        request,
        "conversation.html",
        shown=shown,
        conversation=conversation,
        messenger=messenger_label(request, conversation.messenger),
        name=pseudonym(conversation.messenger, conversation.tenant, conversation.key),
        by_human=bool(conversation.human_until and conversation.human_until > datetime.now(UTC)),
        room_key=keys.of_room(room) if conversation.room else "",
        room=pseudonym(room.messenger, room.tenant, room.name),
        unmasked_until=until,
        settings=settings_address(
            request, conversation.messenger, conversation.tenant, conversation.room
        ),
        anchors={name: raw for name, raw in anchors.items() if raw is not None},
    )


async def _record(
    request: web.Request, conversation: Conversation, shown: Page, *, unmasked: bool
) -> None:
    """Write down which turns were read, and whose they are."""
    items = [entry.turn for entry in shown.entries]
    details = {
        "people": sorted({item.sender for item in items}),
        "turns": f"{items[0].seq}-{items[-1].seq}" if items else "",
        "unmasked": unmasked,
    }
    about = f"conversation:{conversation.id}"
    await record(request, AuditAction.CONVERSATION_READ, about, details)


@needs(Role.VIEWER)
async def show_person(request: web.Request) -> web.StreamResponse:
    """GET /admin/people/{key}: a person's conversations and votes, newest first."""
    keys, raw = request.app[KEYS], request.query.get("after", "")
    person = keys.person(request.match_info["key"])
    if person is None:
        return error_page(request, 404, _(_NO_PERSON))
    try:
        after = Cursor.parse(raw) if raw else None
    except BadCursor:
        return error_page(request, 400, _(_BAD_CURSOR))
    count, part, votes = await person_page.load(request.app[DATABASE], person, after)
    shown = await run_masking(lambda: person_page.compose(person, count, part, votes, keys))
    details = {"people": [shown.name], "turns": sum(one.turns for one in shown.conversations)}
    await record(request, AuditAction.PERSON_READ, f"person:{shown.name}", details)
    return page(
        request,
        "person.html",
        shown=shown,
        person=person,
        key=request.match_info["key"],
        messenger=messenger_label(request, person.messenger),
        is_first=not raw,
    )


@needs(Role.VIEWER)
async def show_room(request: web.Request) -> web.StreamResponse:
    """GET /admin/rooms/{key}: a room's conversations, newest first."""
    before = read_before(request)
    room = request.app[KEYS].room(request.match_info["key"])
    if room is None:
        return error_page(request, 404, _(_NO_ROOM))
    count, found = await room_page.load(request.app[DATABASE], room, before)
    shown = room_page.compose(room, count, found)
    details = {"turns": len(shown.conversations)}
    await record(request, AuditAction.ROOM_READ, f"room:{shown.name}", details)
    return page(
        request,
        "room.html",
        shown=shown,
        key=request.match_info["key"],
        messenger=messenger_label(request, room.messenger),
        settings=settings_address(request, room.messenger, room.tenant, room.name),
        is_first=before is None,
    )


def messenger_label(request: web.Request, name: str) -> str:
    """The messenger's name in the language of the page."""
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    return labels.label(name, known)


def read_number(raw: str) -> int | None:
    """A BIGINT, or None."""
    number = whole_number(raw, 19)
    return None if number is None or number > MAX_ID else number
