"""Twice as much as the engine can do: who still gets an answer inside Kakao's minute.

All times are a tenth of the real ones. Two Kakao messages with a callback for each Slack command,
which may wait for half an hour. The baseline is the same product on a queue that forgets
priorities and deadlines: first in, first out, with the same messages and answer times.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

from aiohttp import ClientSession
from sqlalchemy import text

from benchmarks.figures import Figure, percentile, say
from benchmarks.outside import END, Outside, running_outside
from benchmarks.raw_http import KAKAO_SECRET, QUESTION, slack_command
from benchmarks.stack import (
    Served,
    Stores,
    running_bot,
    running_stores,
    running_worker,
    until_ready,
)
from bot.messengers.kakao.simulated_requests import skill_request
from runtime.database import connect_database

MINUTE_S = 6.0
SLOTS = 4
ANSWER_S = 1.0
SETTINGS = {
    "kakao_sync_budget_s": "0.38",
    "kakao_callback_budget_s": "4.8",
    "kakao_callback_gap_s": "0.1",
}
FIFO = "first in, first out, with the same messages"
FORGET = (
    """
    CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.priority := 0;
        NEW.due := NULL;
        NEW.deadline := NULL;
        NEW.payload := NEW.payload || '{"due": null, "deadline": null}';
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER forget BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION forget()",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: so many seconds at twice the engine's capacity."""

    seconds: float = 36.0


@dataclass(slots=True)
class Seen:
    """What the people saw of each message, by its number; times since it was sent."""

    kakao: dict[int, float] = field(default_factory=dict)  #: when it was sent
    slack: dict[int, float] = field(default_factory=dict)
    whole: dict[int, float] = field(default_factory=dict)  #: seconds to the whole answer
    told: set[int] = field(default_factory=set)  #: got a sentence or a button instead

    @property
    def in_time(self) -> float:
        """The share of Kakao messages with their whole answer inside the minute."""
        good = [n for n in self.kakao if self.whole.get(n, MINUTE_S) < MINUTE_S]
        return len(good) / max(len(self.kakao), 1)

    @property
    def silent(self) -> int:
        """Kakao messages to which nothing came at all."""
        return len(self.kakao.keys() - self.whole.keys() - self.told)


async def bench(size: Size) -> list[Figure]:
    """The product, then the same with a plain queue."""
    ours, wasted = await _run(size, fifo=False)
    plain, plainly_wasted = await _run(size, fifo=True)
    ratio = ours.in_time / plain.in_time if plain.in_time else None
    waits = [ours.whole[n] for n in ours.slack if n in ours.whole]
    plain_waits = [plain.whole[n] for n in plain.slack if n in plain.whole]
    slower = percentile(waits, 50) / max(percentile(plain_waits, 50), 1e-9)
    return [
        Figure("overload.kakao_in_time", ours.in_time * 100, "%", FIFO, ratio),
        Figure("overload.kakao_in_time.fifo", plain.in_time * 100, "%"),
        Figure("overload.kakao_silent", ours.silent, "messages", "goal: 0"),
        Figure("overload.slack_wait.p50", percentile(waits, 50), "s", FIFO, slower),
        Figure("overload.wasted", wasted * 100, "% of answers", "too late when done"),
        Figure("overload.wasted.fifo", plainly_wasted * 100, "% of answers", "too late when done"),
    ]


async def _run(size: Size, *, fifo: bool) -> tuple[Seen, float]:
    """What people saw, and the share of the engine's time spent on answers that came too late."""
    async with (
        running_outside(ANSWER_S) as outside,
        running_stores() as stores,
        running_bot(stores, outside.origin, **SETTINGS) as bot,
        running_worker(stores, outside.origin, slots=SLOTS),
    ):
        if fifo:
            await _forget_deadlines(stores)
        await until_ready(bot)
        seen = await _flood(bot, outside, size)
        for number, (at, whole) in dict(outside.posts).items():
            sent = seen.kakao.get(number) or seen.slack[number]
            if whole:
                seen.whole[number] = at - sent
            else:
                seen.told.add(number)
        late = [n for n in outside.ends if n in seen.kakao and seen.whole.get(n, 99) >= MINUTE_S]
        wasted = len(late) / max(len(outside.ends), 1)
    words = "first in, first out" if fifo else "the product"
    say(
        f"overload, {words}: {len(seen.kakao)} Kakao messages, {seen.in_time:.0%} in time, "
        f"{len(seen.told)} told, {seen.silent} silent; {len(seen.slack)} Slack commands; "
        f"{len(outside.ends)} answers written, {len(late)} of them too late"
    )
    return seen, wasted


async def _flood(bot: Served, outside: Outside, size: Size) -> Seen:
    """Send at twice the capacity, each message on time, and wait one minute more."""
    seen, gap_s = Seen(), ANSWER_S / SLOTS / 2
    async with ClientSession() as http, asyncio.TaskGroup() as people:
        started = time.time()
        for number in range(round(size.seconds / gap_s)):
            await asyncio.sleep(max(started + number * gap_s - time.time(), 0))
            say_it = _say_slack if number % 3 == 2 else _say_kakao
            people.create_task(say_it(http, bot, outside, seen, number))
        await asyncio.sleep(MINUTE_S + 1)
    return seen


async def _say_kakao(
    http: ClientSession, bot: Served, outside: Outside, seen: Seen, number: int
) -> None:
    url = f"{outside.origin}/kakao/{number}"
    request = skill_request(f"{QUESTION} #{number}", f"person{number}", url)
    seen.kakao[number] = time.time()
    headers = {"X-Bot-Secret": KAKAO_SECRET}
    async with http.post(f"{bot.url}/webhooks/kakao", json=request, headers=headers) as response:
        said = json.dumps(await response.json(), ensure_ascii=False)
    if END in said:
        seen.whole[number] = time.time() - seen.kakao[number]
    elif "template" in said:
        seen.told.add(number)


async def _say_slack(
    http: ClientSession, bot: Served, outside: Outside, seen: Seen, number: int
) -> None:
    body, headers = slack_command(f"{QUESTION} #{number}", f"{outside.origin}/slack/{number}")
    seen.slack[number] = time.time()
    url = f"{bot.url}/webhooks/slack/commands"
    async with http.post(url, data=body, headers=headers) as response:
        response.raise_for_status()


async def _forget_deadlines(stores: Stores) -> None:
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        async with database.begin() as connection:
            for statement in FORGET:
                await connection.execute(text(statement))
    finally:
        await database.dispose()
