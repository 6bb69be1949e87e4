"""Programs of an in-house messenger: they send messages, repeat them, and fetch the results."""

from __future__ import annotations

import asyncio
import json
import random
import time
from enum import StrEnum
from typing import Any

from chaos.bot_client import BotClient
from chaos.cluster import GENERIC_SECRET, HOLD_S
from chaos.journal import Journal, Message, utterance
from chaos.notices import Notices
from chaos.outcomes import record_fault
from fakes.generic import InHouseMessenger, ResultPost, message, signed_headers
from runtime.tasks import TaskSet

_PATH = "/webhooks/generic"
#: A request is repeated with its key until the bot answers, over more than any downtime of a bot.
_MAX_TRIES = 20
_TIMEOUT_S = 5.0
_MAX_WAIT_S = 3.0
_STREAM_TIMEOUT_S = 30.0
_MAX_PAUSES = 4
#: A client that was promised a callback reads the result after this time, or a failed callback.
_CALLBACK_PATIENCE_S = 10.0


class ResultRoute(StrEnum):
    """How a client wants its result."""

    WAIT = "wait"  #: in the response
    RESULT = "result"  #: asks at the result's URL
    CALLBACK = "result callback"
    EVENTS = "events"  #: follows the stream


_SHARES = {
    ResultRoute.WAIT: 30,
    ResultRoute.RESULT: 20,
    ResultRoute.CALLBACK: 35,
    ResultRoute.EVENTS: 15,
}


class GenericClients:
    """All programs behind the generic webhook."""

    def __init__(
        self,
        journal: Journal,
        bots: BotClient,
        messenger: InHouseMessenger,
        notices: Notices,
        rng: random.Random,
    ) -> None:
        self._journal = journal
        self._notices = notices
        self._bots = bots
        self._messenger = messenger
        self._rng = rng
        self._messages_by_turn: dict[str, Message] = {}
        self._following = TaskSet()

    async def write(self, sent: Message) -> None:
        """Send a message until it is accepted; its result is fetched in the background."""
        [route] = self._rng.choices(list(_SHARES), list(_SHARES.values()))
        sent.results.callback_due = route is ResultRoute.CALLBACK
        copies = self._bots.draw_deliveries()
        pending = await asyncio.gather(*(self._submit(sent, route) for _ in range(copies)))
        if urls := next(filter(None, pending), None):
            self._following.start(self._follow(sent, route, urls))

    def read_callback(self, post: ResultPost) -> None:
        """Read a POST to a callback URL."""
        sent = self._journal.messages.get(post.path.rpartition("=")[2])
        if sent is None:
            self._journal.misdelivered.append(f"a result nobody asked for: {post.path}")
            return
        if post.shown:
            sent.results.called_back_at.append(post.at)
            self._read(sent, ResultRoute.CALLBACK, post.document)
            is_answer = post.document["status"] == "answered"
            sent.late += is_answer and post.at - (sent.accepted_at or post.at) > HOLD_S
        elif not post.fault:
            sent.refusals.append(f"HTTP {post.status}")
        record_fault(self._journal, sent, post.fault, post.at)

    async def close(self) -> None:
        """Stop asking for results."""
        await self._following.cancel()

    async def _submit(self, sent: Message, route: ResultRoute) -> dict[str, Any] | None:
        """Send the request until a bot accepts or refuses it; where to ask, if nothing else."""
        path, body = self._request(sent, route)
        for _ in range(_MAX_TRIES):
            headers = signed_headers(GENERIC_SECRET, body)
            status, document = await self._bots.post(path, body, headers, _TIMEOUT_S + _MAX_WAIT_S)
            if status in (200, 202):
                sent.accepted_at = sent.accepted_at or time.monotonic()
                via = ResultRoute.WAIT if route is ResultRoute.WAIT else ResultRoute.RESULT
                is_result = self._read(sent, via, document)
                return document if route is ResultRoute.CALLBACK or not is_result else None
            sent.rejection = f"HTTP {status} {document}"
            if 0 < status < 500 and status != 429:
                return None
            self._journal.faults["request repeated"] += 1
            await self._pause()
        return None

    def _request(self, sent: Message, route: ResultRoute) -> tuple[str, bytes]:
        """The same for every repetition: the message's id is the idempotency key."""
        fields = {"idempotency_key": sent.id}
        if route is ResultRoute.CALLBACK:
            fields["callback_url"] = f"{self._messenger.origin}/results?message={sent.id}"
        document = message(
            utterance(sent), conversation=sent.conversation, user=sent.conversation, **fields
        )
        wait_s = self._rng.uniform(0.2, _MAX_WAIT_S) if route is ResultRoute.WAIT else 0.0
        path = f"{_PATH}?wait={wait_s:.1f}" if wait_s else _PATH
        return path, json.dumps(document, ensure_ascii=False).encode()

    async def _follow(self, sent: Message, route: ResultRoute, urls: dict[str, Any]) -> None:
        if route is ResultRoute.EVENTS and await self._read_events(sent, urls["events_url"]):
            return
        if route is ResultRoute.CALLBACK:
            await self._await_callback(sent)
        await self._read_result(sent, urls["result_url"])

    async def _await_callback(self, sent: Message) -> None:
        ends = time.monotonic() + _CALLBACK_PATIENCE_S
        while sent.awaits_callback and not sent.unanswered and time.monotonic() < ends:
            await self._pause()

    async def _read_result(self, sent: Message, path: str) -> None:
        """Ask until there is a result."""
        status, tries = 0, 0
        document: Any = None
        while status != 200:
            tries += 1
            await self._pause(tries)
            headers = signed_headers(GENERIC_SECRET, path.encode())
            status, document = await self._bots.get(path, headers, _TIMEOUT_S)
            if status in (400, 401, 404):
                sent.forbidden.append(f"HTTP {status} for an accepted message")
                return
        self._read(sent, ResultRoute.RESULT, document)

    async def _read_events(self, sent: Message, path: str) -> bool:
        """Follow the answer; whether its result came."""
        self._journal.faults["answer followed"] += 1
        headers = signed_headers(GENERIC_SECRET, path.encode())
        name = text = ""
        async for line in self._bots.lines(path, headers, _STREAM_TIMEOUT_S):
            label, _, value = line.partition(": ")
            if label == "event":
                name = value
                text = "" if name == "restart" else text
            elif label == "data" and name == "token":
                text += json.loads(value)["text"]
                self._journal.check_stream(sent, text)
            elif label == "data" and name == "result":
                return self._read(sent, ResultRoute.EVENTS, json.loads(value))
        return False

    def _read(self, sent: Message, via: ResultRoute, document: dict[str, Any]) -> bool:
        """Record what the bot says of a message; whether it is the result."""
        sent.results.turn_ids.add(document["id"])
        owner = self._messages_by_turn.setdefault(document["id"], sent)
        if owner is not sent:
            self._journal.misdelivered.append(f"{sent.id} was given the turn of {owner.id}")
        if document["status"] == "pending":
            return False
        text = document["text"]
        if text not in sent.results.texts:
            sent.results.texts.add(text)
            cut = bool(document.get("truncated"))
            if not self._journal.show(sent, via.value, text, cut=cut):
                # Two versions word one result differently.
                told = self._notices.final(text)
                sent.notices += [notice for notice in told if notice not in sent.notices]
        return True

    async def _pause(self, tries: int = 1) -> None:
        """The more tries there were, the longer."""
        await asyncio.sleep(self._rng.uniform(0.2, 1.0) * min(tries, _MAX_PAUSES))
