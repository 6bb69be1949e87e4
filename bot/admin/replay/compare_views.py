"""The blind comparison: two answers side by side, a vote, and the end of the blindness."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.views import NO_REPLAY, address, find_replay, may_know, number
from bot.admin.web.audit import entry, record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.replays import Side, new_stands_left, preference, side_of
from bot.privacy.masking import mask
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
    at, user = number(request.query.get("at", "")), request[USER].name
    after = number(request.query.get("after", "")) or 0
    async with request.app[DATABASE].connect() as connection:
        found = (
            await votes.next_pair(connection, replay.id, user, after=after)
            if at is None
            else await votes.find_pair(connection, replay.id, at)
        )
        own = await votes.progress(connection, replay.id, user)
        given = found and await votes.own_vote(connection, replay.id, found.position, user)
        asked = await asked_turns(connection, [found.turn_id], max_turns=HISTORY) if found else {}
    if at is not None and found is None:
        return error_page(request, 404, _(_NO_PAIR))
    shown = None
    if found is not None:
        turn = asked.get(found.turn_id)
        shown = await run_masking(lambda: _blind(replay, found, turn))
        await record(
            request,
            AuditAction.REPLAY_READ,
            f"turn:{found.turn_id}",
            {"replay": replay.id, "position": found.position},
        )
    new_left = found is not None and new_stands_left(replay.seed, found.position)
    return page(
        request,
        "replay_compare.html",
        replay=replay,
        pair=shown,
        own=own,
        chosen=side_of(given, new_left=new_left).value if given else "",
        choices={side.value: _(label) for side, label in CHOICES.items()},
        is_skipping=after > 0,
    )


@needs(Role.REVIEWER)
async def vote(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays/{id}/compare: vote, in place of an earlier vote of one's own."""
    replay, form = await find_replay(request), await read_form(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    position = number(form.get("position", ""))
    try:
        side = Side(form.get("choice", ""))
    except ValueError:
        return error_page(request, 400, _(_BAD_CHOICE))
    if position is None or position >= 2**31:
        return error_page(request, 400, _(_BAD_CHOICE))
    user = request[USER].name
    chosen = preference(side, new_left=new_stands_left(replay.seed, position))
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
