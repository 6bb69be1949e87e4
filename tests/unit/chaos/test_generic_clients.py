"""The programs behind the generic webhook: what they repeat, and what they notice."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp import ClientSession, web

from chaos.bot_client import BotClient
from chaos.cluster import GENERIC_SECRET, Node
from chaos.generic_clients import GenericClients
from chaos.journal import Journal
from chaos.notices import Notices
from fakes.faults import serving
from fakes.generic import InHouseMessenger, ResultPost
from onebox.supervisor import SupervisedProcess

#: Of two versions.
NOTICES = Notices([{"failed": "준비하지 못했어요."}, {"failed": "만들지 못했어요."}])


class Bot:
    """Answers each request with the next of ``statuses``, 202 at last."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.turn_id = str(uuid4())
        self.bodies: list[bytes] = []
        self.text = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        status = self.statuses.pop(0) if self.statuses else 202
        return web.json_response(self.pending(), status=status)

    async def result(self, _: web.Request) -> web.Response:
        return web.json_response({"id": self.turn_id, "status": "answered", "text": self.text})

    def pending(self) -> dict[str, Any]:
        url = f"/results/{self.turn_id}"
        return {"id": self.turn_id, "status": "pending", "result_url": url, "events_url": url}


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
async def clients(bot: Bot, journal: Journal) -> AsyncIterator[GenericClients]:
    app = web.Application()
    app.router.add_post("/webhooks/generic", bot.receive)
    app.router.add_get("/results/{id}", bot.result)
    async with serving(app) as origin, ClientSession() as http:
        node = Node(cast("SupervisedProcess", None), origin, is_up=True)
        rng = random.Random(3)
        bots = BotClient([node], http, journal, rng)
        clients = GenericClients(journal, bots, InHouseMessenger(GENERIC_SECRET), NOTICES, rng)
        yield clients
        await clients.close()


async def test_request_is_repeated_with_its_key_after_an_error_of_the_bot(
    bot: Bot, journal: Journal, clients: GenericClients
) -> None:
    bot.statuses = [500]
    message = journal.sent("g2", 1)
    await clients.write(message)
    assert message.accepted_at
    assert {json.loads(body)["idempotency_key"] for body in bot.bodies} == {"g2m1"}
    assert len({*bot.bodies}) == 1 < len(bot.bodies)
    assert message.results.turn_ids == {bot.turn_id}


async def test_refused_request_is_not_repeated(
    bot: Bot, journal: Journal, clients: GenericClients
) -> None:
    bot.statuses = [422] * 9
    message = journal.sent("g2", 1)
    await clients.write(message)
    assert not message.accepted_at
    assert journal.faults["request repeated"] == 0


def result_post(path: str, turn_id: str, text: str) -> ResultPost:
    body = json.dumps({"id": turn_id, "status": "answered", "text": text}).encode()
    return ResultPost(path=path, body=body, status=204, fault=None, shown=True, at=1.0)


async def test_callback_with_the_turn_of_another_message_is_misdelivered(
    journal: Journal, clients: GenericClients
) -> None:
    journal.sent("g2", 1)
    journal.sent("g5", 1)
    turn_id = str(uuid4())
    clients.read_callback(result_post("/results?message=g2m1", turn_id, "g2m1g1시작 g2m1g1끝"))
    assert journal.misdelivered == []
    clients.read_callback(result_post("/results?message=g5m1", turn_id, "g5m1g2시작 g5m1g2끝"))
    assert journal.misdelivered == ["g5m1 was given the turn of g2m1"]


async def test_repeated_callback_is_counted_though_its_text_is_the_same(
    journal: Journal, clients: GenericClients
) -> None:
    message = journal.sent("g2", 1)
    for _ in range(2):
        clients.read_callback(result_post("/results?message=g2m1", "turn", "g2m1g1시작 g2m1g1끝"))
    assert len(message.shown) == 1
    assert message.results.surplus == ["called back again"]


async def test_result_in_the_words_of_two_versions_is_one(
    journal: Journal, clients: GenericClients
) -> None:
    message = journal.sent("g2", 1)
    for text in ("준비하지 못했어요.", "만들지 못했어요."):
        clients.read_callback(result_post("/results?message=g2m1", "turn", text))
    assert message.notices == ["failed"]
