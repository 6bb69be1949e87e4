"""POST /webhooks/...: verify, read, receive, acknowledge.

Kakao waits for the answer in the response itself, so its acknowledgement is the longest: the
answer within the sync budget, else the callback, else the button. Slack is acknowledged at once.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import app_keys
from bot.admission.forecast import called_back, held, minutes
from bot.conversation.inbox import ACCEPT_TIMEOUT_S, StoreDownError, StoreFaultError
from bot.domain.deliveries import Answer, DeliveryState, DeliveryVia, ReplyHandle
from bot.domain.messenger import Command, Incoming, Problem
from bot.domain.turns import SETTLED, Utterance
from bot.http.body import read_body
from bot.messengers.kakao.adapter import answer_response, callback_response, sentence_response
from bot.settings import Settings
from bot.store import turns
from bot.store.deliveries import DeliveryClaim
from bot.text.catalog import Texts
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

Found = TypeVar("Found")
_dumps = functools.partial(json.dumps, ensure_ascii=False)

#: What a statement may take of the second between the sync budget and Kakao's time-out.
DATABASE_S = 0.6


async def kakao(request: web.Request) -> web.StreamResponse:
    """The skill webhook."""
    received_at = datetime.now(UTC)
    messenger = request.app[app_keys.KAKAO]
    messenger.verify(request.headers)
    incoming = messenger.read(await read_body(request), received_at)
    try:
        if incoming.utterance is None:
            return await _non_utterance(request, incoming)
        if sentence := await request.app[app_keys.INBOX].rejection(incoming.utterance):
            return _say(sentence)
        return await _kakao_turn(request, incoming.utterance)
    except StoreDownError:
        return _say(request.app[app_keys.TEXTS].storage_down)
    except StoreFaultError:
        return _say(request.app[app_keys.TEXTS].storage_fault)


async def _kakao_turn(request: web.Request, utterance: Utterance) -> web.StreamResponse:
    """Accept the utterance and answer it in this response, if the model is fast enough."""
    reply = _initial_route(request.app, utterance)
    accepted = await request.app[app_keys.INBOX].submit(replace(utterance, reply=reply))
    if accepted.new and reply.via is DeliveryVia.HELD:
        return _hold_in_the_rush(request.app, accepted.turn_id)
    if accepted.new and reply.via is DeliveryVia.CALLBACK:
        return _call_back(request.app)
    # One that came before, and will be called back, is told so at once as well.
    waits = reply.via is DeliveryVia.SYNC and utterance.reply.sync_until
    left_s = (waits - datetime.now(UTC)).total_seconds() if waits else 0.0
    try:
        if await request.app[app_keys.WAITERS].wait(accepted.turn_id, left_s):
            answered = await _answer_now(request, accepted.turn_id, (DeliveryState.PENDING,))
            if answered:
                return answered
        return await _answer_later(request, accepted.turn_id, utterance)
    except DATABASE_ERRORS as error:
        # The turn is kept: its delivery is recovered once Postgres is back.
        log.error("store_down", turn_id=str(accepted.turn_id), error=type(error).__name__)
        texts = request.app[app_keys.TEXTS]
        hold = Answer(turn_id=accepted.turn_id, text=texts.held_ready_soon, hold=True)
        return web.json_response(answer_response(hold, texts), dumps=_dumps)


def _initial_route(app: web.Application, utterance: Utterance) -> ReplyHandle:
    """The reply's handle, by the way that the forecast leaves: nobody waits for what is too late.

    A callback goes out so long after its acknowledgement that the accept may take all its time.
    """
    forecast, reply = app[app_keys.FORECAST], utterance.reply
    if forecast.misses(reply):
        return held(reply)
    if reply.callback_until and forecast.outlasts_window(reply):
        after_s = ACCEPT_TIMEOUT_S + app[app_keys.SETTINGS].kakao_callback_gap_s
        gap_over = utterance.received_at + timedelta(seconds=after_s)
        return called_back(reply, min(gap_over, reply.callback_until))
    return reply


async def _answer_now(
    request: web.Request, turn_id: UUID, states: tuple[DeliveryState, ...]
) -> web.StreamResponse | None:
    """Put the settled turn into this response; None where another way has claimed it."""
    app = request.app
    if request.transport is None or request.transport.is_closing():
        return None
    asked_for = DeliveryState.HELD in states
    via = DeliveryVia.HELD if asked_for else DeliveryVia.SYNC
    was = None if asked_for else via
    window = app[app_keys.SYNC_WINDOW]
    claimed = await run_with_timeout(
        DATABASE_S, window.claim(turn_id, via=via, states=states, was=was)
    )
    return await _send(request, *claimed) if claimed else None


async def _send(request: web.Request, claim: DeliveryClaim, answer: Answer) -> web.StreamResponse:
    """Write the response out, then record that it went."""
    texts = request.app[app_keys.TEXTS]
    response = web.json_response(answer_response(answer, texts), dumps=_dumps)
    state, detail = DeliveryState.DELIVERED, ""
    try:
        await response.prepare(request)
        await response.write_eof()
    except OSError as error:
        # Kakao hung up: nobody saw it, so the button may still fetch it.
        state, detail = DeliveryState.HELD, type(error).__name__
    request.app[app_keys.SYNC_WINDOW].record_soon(claim, state, detail, answer=answer)
    log.info("turn_delivery", turn_id=str(claim.turn_id), via=claim.via.value, state=state.value)
    return response


async def _answer_later(
    request: web.Request, turn_id: UUID, utterance: Utterance
) -> web.StreamResponse:
    """The sync budget is over: acknowledge for the callback, or hand out the button."""
    app = request.app
    settings, texts = app[app_keys.SETTINGS], app[app_keys.TEXTS]
    by_callback = utterance.reply.callback_until is not None
    via = DeliveryVia.CALLBACK if by_callback else DeliveryVia.HELD
    state = DeliveryState.PENDING if by_callback else DeliveryState.HELD
    gap_s = settings.kakao_callback_gap_s
    async with asyncio.timeout(DATABASE_S):
        closed = await app[app_keys.SYNC_WINDOW].close(turn_id, via=via, state=state, after_s=gap_s)
    if not closed:  # the same request came once more
        delivery = await run_with_timeout(DATABASE_S, app[app_keys.SYNC_WINDOW].find(turn_id))
        if delivery is not None and delivery.state == DeliveryState.DELIVERED:
            return _say(texts.held_delivered_already)
        by_callback = delivery is not None and delivery.via != DeliveryVia.HELD
    if by_callback:
        return _call_back(app)
    off = app[app_keys.WORKERS].model_is_off
    return _hold(app, turn_id, texts.worker_down_held if off else texts.held_ready_soon)


async def _non_utterance(request: web.Request, incoming: Incoming) -> web.StreamResponse:
    """Everything that is not an utterance: our button, a command, or nothing to answer."""
    app = request.app
    if incoming.fetch is not None:
        return await _fetch(request, incoming, incoming.fetch)
    if incoming.command is Command.RESET:
        await app[app_keys.INBOX].reset(
            messenger="kakao", tenant=incoming.tenant, key=incoming.conversation_key
        )
        return _say(app[app_keys.TEXTS].reset_done)
    if incoming.command is Command.HELP:
        return _say(app[app_keys.TEXTS].help)
    return _say(problem_sentence(incoming.problem, app[app_keys.TEXTS], app[app_keys.SETTINGS]))


async def _fetch(request: web.Request, incoming: Incoming, turn_id: UUID) -> web.StreamResponse:
    """The button of exactly that turn, pressed by who asked it."""
    app, texts = request.app, request.app[app_keys.TEXTS]
    until = time.monotonic() + app[app_keys.SETTINGS].kakao_sync_budget_s
    try:
        turn = await run_with_timeout(DATABASE_S, _look_up(app, turns.find_turn, turn_id))
        theirs = turn is not None and (turn.messenger, turn.tenant, turn.conversation_key) == (
            "kakao",
            incoming.tenant,
            incoming.conversation_key,
        )
        if turn is None or not theirs:
            return _say(texts.held_expired)
        left_s = until - time.monotonic()
        if turn.status not in SETTLED and not await app[app_keys.WAITERS].wait(turn_id, left_s):
            off = app[app_keys.WORKERS].model_is_off
            return _hold(app, turn_id, texts.worker_down_held if off else texts.held_still)
        answered = await _answer_now(request, turn_id, (DeliveryState.PENDING, DeliveryState.HELD))
        return answered or await _fetched_before(app, turn_id)
    except DATABASE_ERRORS as error:
        raise StoreDownError from error


async def _fetched_before(app: web.Application, turn_id: UUID) -> web.Response:
    """The button of an answer that another way has, or had."""
    texts = app[app_keys.TEXTS]
    if again := await run_with_timeout(DATABASE_S, app[app_keys.SYNC_WINDOW].show_again(turn_id)):
        return web.json_response(answer_response(again, texts), dumps=_dumps)
    delivery = await run_with_timeout(DATABASE_S, app[app_keys.SYNC_WINDOW].find(turn_id))
    if delivery is None or delivery.state == DeliveryState.EXPIRED:
        return _say(texts.held_expired)
    if delivery.state == DeliveryState.DELIVERED:
        return _say(texts.held_delivered_already)
    # The callback is, or was until now, on the wire: maybe with no more than a part of the answer.
    return _hold(app, turn_id, texts.held_still)


async def _look_up(
    app: web.Application,
    find: Callable[[AsyncConnection, UUID], Awaitable[Found | None]],
    turn_id: UUID,
) -> Found | None:
    async with app[app_keys.DATABASE].connect() as connection:
        return await find(connection, turn_id)


async def slack(request: web.Request) -> web.StreamResponse:
    """Commands, events and interactivity: one signature and one guard for all of them."""
    body = await read_body(request)
    status, headers, text = await request.app[app_keys.SLACK].dispatch(request.headers, body)
    return web.Response(status=status, headers=headers, body=text)


async def receive_slack(app: web.Application, incoming: Incoming) -> str:
    """What Slack is acknowledged with: a sentence only the person sees."""
    texts = app[app_keys.TEXTS]
    try:
        if incoming.command is Command.RESET:
            await app[app_keys.INBOX].reset(
                messenger="slack", tenant=incoming.tenant, key=incoming.conversation_key
            )
            return texts.reset_done
        if incoming.command is Command.HELP:
            return texts.help_command
        if incoming.utterance is None:
            return problem_sentence(incoming.problem, texts, app[app_keys.SETTINGS])
        if sentence := await app[app_keys.INBOX].rejection(incoming.utterance):
            return sentence
        await app[app_keys.INBOX].submit(incoming.utterance)
    except (StoreDownError, StoreFaultError) as error:
        return texts.storage_fault if isinstance(error, StoreFaultError) else texts.storage_down
    return texts.worker_down if app[app_keys.WORKERS].model_is_off else texts.thinking


def problem_sentence(problem: Problem | None, texts: Texts, settings: Settings) -> str:
    """What a person is told whose message holds nothing to answer."""
    sentences = {
        Problem.EMPTY: texts.empty_utterance,
        Problem.TOO_LONG: texts.too_long.format(max=settings.max_utterance_chars),
        Problem.MEDIA: texts.media_unsupported,
    }
    return sentences.get(problem, texts.unreadable) if problem else texts.unreadable


def _say(sentence: str) -> web.Response:
    return web.json_response(sentence_response(sentence), dumps=_dumps)


def _call_back(app: web.Application) -> web.Response:
    return web.json_response(callback_response(app[app_keys.TEXTS]), dumps=_dumps)


def _hold_in_the_rush(app: web.Application, turn_id: UUID) -> web.Response:
    """So many wait that neither this response nor the callback could hold the answer."""
    about = minutes(app[app_keys.FORECAST].answered_at_last_in_s)
    return _hold(app, turn_id, app[app_keys.TEXTS].held_busy.format(minutes=about))


def _hold(app: web.Application, turn_id: UUID, sentence: str) -> web.Response:
    answer = Answer(turn_id=turn_id, text=sentence, hold=True)
    return web.json_response(answer_response(answer, app[app_keys.TEXTS]), dumps=_dumps)
