"""The blind comparison: two answers side by side, a vote, and the end of the blindness."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.views import NO_REPLAY, address, find_replay, may_know
from bot.admin.web.audit import entry, record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.replays import Side, new_stands_left, preference, side_of
from bot.privacy.masking import mask, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log
from bot.store.replays import reveals, votes
from bot.store.replays.asked import AskedTurn, asked_turns
from bot.store.replays.records import Replay
from bot.store.replays.votes import Pair

#: Earlier exchanges beside the question.
HISTORY = 3

#: By the side that was chosen.
CHOICES = {
    Side.LEFT: "왼쪽이 더 나음",
    Side.RIGHT: "오른쪽이 더 나음",
    Side.TIE: "비슷함",
    Side.BOTH_BAD: "둘 다 나쁨",
}
_NO_PAIR = "비교할 답변이 아직 없거나 삭제되었습니다."
_REVEALED = "결과를 이미 보았기 때문에 이 비교에는 더 투표할 수 없습니다."
_BAD_CHOICE = "알 수 없는 조건입니다. 목록에서 골라 주세요."


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindPair:
    """A pair as a reviewer sees it: nothing tells which answer is the new one."""

    position: int
    question: str
    history: tuple[tuple[str, str], ...]
    left: str
    right: str


@needs(Role.REVIEWER)
async def show_pair(request: web.Request) -> web.StreamResponse:
    """GET /admin/replays/{id}/compare: the next pair without a vote, or the one at ``at``."""
    replay = await find_replay(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    if await may_know(request, replay.id):
        return error_page(request, 409, _(_REVEALED))
    pair = await _wanted_pair(request, replay)
    if pair is None and request.query.get("at"):
        return error_page(request, 404, _(_NO_PAIR))
    shown, chosen = None, ""
    if pair is not None:
        shown, chosen = await _shown(request, replay, pair)
        sender = pseudonym(pair.messenger, pair.tenant, pair.sender)
        details = {"replay": replay.id, "position": pair.position, "people": [sender]}
        await record(request, AuditAction.REPLAY_READ, f"turn:{pair.turn_id}", details)
    async with request.app[DATABASE].connect() as connection:
        own = await votes.progress(connection, replay.id, request[USER].name)
    return page(
        request,
        "replay_compare.html",
        replay=replay,
        pair=shown,
        own=own,
        chosen=chosen,
        choices={side.value: _(label) for side, label in CHOICES.items()},
        is_skipping="after" in request.query,
    )


@needs(Role.REVIEWER)
async def vote(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays/{id}/compare: vote, in place of an earlier vote of one's own."""
    replay, form = await find_replay(request), await read_form(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    position = _position(form.get("position", ""))
    choice = form.get("choice", "")
    if position is None or choice not in CHOICES:
        return error_page(request, 400, _(_BAD_CHOICE))
    user = request[USER].name
    chosen = preference(Side(choice), new_left=new_stands_left(replay.seed, position))
    async with request.app[DATABASE].begin() as connection:
        if await reveals.is_revealed(connection, replay.id, user):
            return error_page(request, 409, _(_REVEALED))
        if await votes.find_pair(connection, replay.id, position) is None:
            return error_page(request, 404, _(_NO_PAIR))
        await votes.vote(connection, replay.id, position, user, chosen)
        # Not what was voted: the log may be read by another reviewer of the same pair.
        act = entry(
            request,
            AuditAction.REPLAY_VOTED,
            f"replay:{replay.id}",
            details={"position": position},
        )
        await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(
        request.app.router["replay_compare"].url_for(id=str(replay.id)).with_query(after=position)
    )


@needs(Role.REVIEWER)
async def reveal(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays/{id}/reveal: show the outcome to the user, who votes no more."""
    replay = await find_replay(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    async with request.app[DATABASE].begin() as connection:
        if await reveals.reveal(connection, replay.id, request[USER].name):
            act = entry(request, AuditAction.REPLAY_REVEALED, f"replay:{replay.id}")
            await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(address(request, replay.id))


async def _wanted_pair(request: web.Request, replay: Replay) -> Pair | None:
    at = request.query.get("at")
    async with request.app[DATABASE].connect() as connection:
        if at:
            position = _position(at)
            if position is None:
                return None
            return await votes.find_pair(connection, replay.id, position)
        after = _position(request.query.get("after", "")) or 0
        return await votes.next_pair(connection, replay.id, request[USER].name, after=after)


async def _shown(request: web.Request, replay: Replay, pair: Pair) -> tuple[BlindPair, str]:
    """The pair as the reviewer sees it, and the side that the reviewer has chosen before."""
    async with request.app[DATABASE].connect() as connection:
        asked = await asked_turns(
            connection, [pair.turn_id], max_turns=HISTORY, max_recorded=HISTORY
        )
        given = await votes.own_vote(connection, replay.id, pair.position, request[USER].name)
    turn = asked.get(pair.turn_id)
    blind = await run_masking(lambda: _blind(replay, pair, turn))
    new_left = new_stands_left(replay.seed, pair.position)
    return blind, side_of(given, new_left=new_left).value if given else ""


def _position(raw: str) -> int | None:
    """An INTEGER, or None."""
    found = whole_number(raw)
    return found if found is not None and found < 2**31 else None


def _blind(replay: Replay, pair: Pair, turn: AskedTurn | None) -> BlindPair:
    """The pair, masked, with the sides that the coin gives it."""
    old, new = mask(pair.old), mask(pair.new)
    left, right = (new, old) if new_stands_left(replay.seed, pair.position) else (old, new)
    history = turn.history if turn else ()
    return BlindPair(
        position=pair.position,
        question=mask(pair.question),
        history=tuple((mask(question), mask(answer)) for question, answer in history),
        left=left,
        right=right,
    )
