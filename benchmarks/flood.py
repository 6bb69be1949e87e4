"""One person's flood: the share of everybody else answered in time, with and without it.

Times and settings of the overload bench, and the bot's default limits. Everybody else, a new person
each, asks for half of the engine's capacity. The flooding person sent 1,055 Kakao messages before,
and as many Slack commands in a channel each, and goes on while the others ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import ClientSession

from benchmarks.figures import Figure, percentile, say
from benchmarks.raw_http import KAKAO_SECRET, QUESTION, SLACK_SECRET
from benchmarks.stack import Served, running_bot, running_stores, running_worker, until_ready
from benchmarks.stand_ins import StandIns, running_stand_ins
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.slack.simulated_requests import signed_command
from runtime.tasks import cancel_and_wait

MINUTE_S = 6.0
SLOTS = 4
ANSWER_S = 1.0
#: The limits of a bot whose operator set none.
DEFAULTS = {"max_waiting": "", "max_waiting_turns": "", "rate_limit_per_minute": ""}
#: As many as the reported flood had.
FLOOD_MESSAGES = 1055
FLOOD_CLIENTS = 16
#: Between two further messages of the flood, in seconds.
FLOOD_GAP_S = 0.2
#: Numbers of the flood's messages; the others' are below.
FIRST_FLOOD_NUMBER = 1_000_000


@dataclass(frozen=True, slots=True)
class FloodSize:
    """How long the others ask, and what was sent before."""

    seconds: float = 24.0
    messages: int = FLOOD_MESSAGES


@dataclass(slots=True)
class Others:
    """What became of everybody else's messages, by their numbers."""

    sent: dict[int, float] = field(default_factory=dict)
    whole: dict[int, float] = field(default_factory=dict)  #: seconds to the whole answer

    @property
    def in_time(self) -> float:
        """The share of messages with a whole answer within the minute."""
        good = [n for n in self.sent if self.whole.get(n, MINUTE_S) < MINUTE_S]
        return len(good) / max(len(self.sent), 1)


@dataclass(slots=True)
class Client:
    """Sends messages to the bot in people's names."""

    http: ClientSession
    bot: Served
    stand_ins: StandIns

    async def send_kakao(self, number: int, person: str) -> None:
        """A Kakao message with a callback."""
        url = f"{self.stand_ins.origin}/kakao/{number}"
        body = json.dumps(skill_request(f"{QUESTION} #{number}", person, url)).encode()
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        await self._post("/webhooks/kakao", body, headers)

    async def send_slack(self, number: int, person: str, channel: str) -> None:
        """A Slack command."""
        url = f"{self.stand_ins.origin}/slack/{number}"
        body, headers = signed_command(
            SLACK_SECRET,
            f"{QUESTION} #{number}",
            response_url=url,
            user_id=person,
            channel_id=channel,
        )
        await self._post("/webhooks/slack/commands", body, headers)

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        async with self.http.post(self.bot.url + path, data=body, headers=headers) as response:
            response.raise_for_status()
            await response.read()


async def bench_flood(size: FloodSize) -> list[Figure]:
    """Everybody else without the flood, then with it."""
    calm = await _run(size, flood=False)
    flooded = await _run(size, flood=True)
    ratio = flooded.in_time / calm.in_time if calm.in_time else None
    calmly = "the same without the flood"
    figures = [
        Figure("overload.others_in_time", calm.in_time * 100, "%"),
        Figure("overload.others_in_time.flood", flooded.in_time * 100, "%", calmly, ratio),
    ]
    if flooded.whole and calm.whole:
        wait_s, calm_s = (percentile(list(seen.whole.values()), 50) for seen in (flooded, calm))
        figures.append(
            Figure("overload.others_wait.flood.p50", wait_s, "s", calmly, wait_s / calm_s)
        )
    return figures


async def _run(size: FloodSize, *, flood: bool) -> Others:
    async with (
        running_stand_ins(ANSWER_S) as stand_ins,
        running_stores() as stores,
        running_bot(
            stores,
            stand_ins.origin,
            kakao_sync_budget_s="0",
            kakao_callback_budget_s="4.8",
            kakao_callback_gap_s="0.1",
            **DEFAULTS,
        ) as bot,
        running_worker(stores, stand_ins.origin, slots=SLOTS),
        ClientSession() as http,
    ):
        await until_ready(bot)
        client, others = Client(http, bot, stand_ins), Others()
        async with _flooding(client, size.messages if flood else 0):
            await _ask(client, others, size.seconds)
        for number, (at, whole) in stand_ins.posts.items():
            if whole and number in others.sent:
                others.whole[number] = at - others.sent[number]
        of_flood = sum(number >= FIRST_FLOOD_NUMBER for number in stand_ins.ends)
    say(
        f"overload, {'a' if flood else 'no'} flood: {len(others.sent)} messages of others, "
        f"{others.in_time:.0%} in time; {of_flood} answers written for the flood"
    )
    return others


async def _ask(client: Client, others: Others, seconds: float) -> None:
    """Everybody else: on time, at half the engine's capacity, then one more minute."""
    gap_s, started = 2 * ANSWER_S / SLOTS, time.time()
    async with asyncio.TaskGroup() as people:
        for number in range(round(seconds / gap_s)):
            await asyncio.sleep(max(started + number * gap_s - time.time(), 0))
            others.sent[number] = time.time()
            person = f"U{number}"
            if number % 2:
                people.create_task(client.send_slack(number, person, "C0OTHERS"))
            else:
                people.create_task(client.send_kakao(number, person))
        await asyncio.sleep(MINUTE_S + 1)


@contextlib.asynccontextmanager
async def _flooding(client: Client, messages: int) -> AsyncIterator[None]:
    """Send ``messages`` by each messenger, then go on slowly in the background."""
    if not messages:
        yield
        return
    numbers = iter(range(FIRST_FLOOD_NUMBER, FIRST_FLOOD_NUMBER + messages))

    async def send_all() -> None:
        for number in numbers:
            await _send_flood(client, number)

    async def go_on() -> None:
        number = FIRST_FLOOD_NUMBER + messages
        while True:
            await _send_flood(client, number)
            await asyncio.sleep(FLOOD_GAP_S)
            number += 1

    await asyncio.gather(*(send_all() for _ in range(FLOOD_CLIENTS)))
    going_on = asyncio.create_task(go_on())
    try:
        yield
    finally:
        await cancel_and_wait(going_on)


async def _send_flood(client: Client, number: int) -> None:
    await client.send_kakao(number, "flood")
    await client.send_slack(number, "U0FLOOD", f"C{number}")
