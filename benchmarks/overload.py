"""Load at twice the engine's capacity: the share of answers within Kakao's minute.

All times are a tenth of the real ones. For each Slack command, which may wait for half an hour,
there are two Kakao messages with a callback. The baseline is the same product on a queue without
deadlines: first in, first out, with the same messages and answer times. Then one person's flood
(``benchmarks/flood.py``).
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

from aiohttp import ClientSession
from sqlalchemy import text

from benchmarks.figures import Figure, percentile, say
from benchmarks.flood import FloodSize, bench_flood
from benchmarks.raw_http import KAKAO_SECRET, QUESTION, slack_command
from benchmarks.stack import (
    Served,
    Stores,
    running_bot,
    running_stores,
    running_worker,
    until_ready,
)
from benchmarks.stand_ins import END, StandIns, running_stand_ins
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
FORGET_DEADLINES = (
    """
    CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
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
    """The amount of work: the seconds at twice the engine's capacity, and of the flood."""

    seconds: float = 36.0
    flood: FloodSize = field(default_factory=FloodSize)


@dataclass(slots=True)
class Seen:
    """The outcome of each message for its sender, by its number."""

    kakao: dict[int, float] = field(default_factory=dict)  #: when it was sent
    slack: dict[int, float] = field(default_factory=dict)
    whole: dict[int, float] = field(default_factory=dict)  #: seconds to the whole answer
    notified: set[int] = field(default_factory=set)  #: got a notice or a button instead

    @property
    def in_time(self) -> float:
        """The share of Kakao messages with a whole answer within the minute."""
        good = [n for n in self.kakao if self.whole.get(n, MINUTE_S) < MINUTE_S]
        return len(good) / max(len(self.kakao), 1)

    @property
    def silent(self) -> int:
        """Kakao messages without any response."""
        return len(self.kakao.keys() - self.whole.keys() - self.notified)


async def bench(size: Size) -> list[Figure]:
    """The product, then the same with a FIFO queue; then one person's flood."""
    ours, wasted = await _run(size, fifo=False)
    fifo_seen, fifo_wasted = await _run(size, fifo=True)
    ratio = ours.in_time / fifo_seen.in_time if fifo_seen.in_time else None
    waits = [ours.whole[n] for n in ours.slack if n in ours.whole]
    fifo_waits = [fifo_seen.whole[n] for n in fifo_seen.slack if n in fifo_seen.whole]
    slower = percentile(waits, 50) / max(percentile(fifo_waits, 50), 1e-9)
    return [
        Figure("overload.kakao_in_time", ours.in_time * 100, "%", FIFO, ratio),
        Figure("overload.kakao_in_time.fifo", fifo_seen.in_time * 100, "%"),
        Figure("overload.kakao_silent", ours.silent, "messages", "goal: 0"),
        Figure("overload.slack_wait.p50", percentile(waits, 50), "s", FIFO, slower),
        Figure("overload.wasted", wasted * 100, "% of answers", "too late when done"),
        Figure("overload.wasted.fifo", fifo_wasted * 100, "% of answers", "too late when done"),
        *await bench_flood(size.flood),
    ]


async def _run(size: Size, *, fifo: bool) -> tuple[Seen, float]:
    """The outcomes, and the share of answers that came too late."""
    async with (
        running_stand_ins(ANSWER_S) as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin, **SETTINGS) as bot,
        running_worker(stores, stand_ins.origin, slots=SLOTS),
    ):
        if fifo:
            await _forget_deadlines(stores)
        await until_ready(bot)
        seen = await _flood(bot, stand_ins, size)
        for number, (at, whole) in dict(stand_ins.posts).items():
            sent = seen.kakao.get(number) or seen.slack[number]
            if whole:
                seen.whole[number] = at - sent
            else:
                seen.notified.add(number)
        late = [n for n in stand_ins.ends if n in seen.kakao and seen.whole.get(n, 99) >= MINUTE_S]
        wasted = len(late) / max(len(stand_ins.ends), 1)
    variant = "first in, first out" if fifo else "the product"
    say(
        f"overload, {variant}: {len(seen.kakao)} Kakao messages, {seen.in_time:.0%} in time, "
        f"{len(seen.notified)} notified, {seen.silent} silent; {len(seen.slack)} Slack commands; "
        f"{len(stand_ins.ends)} answers written, {len(late)} of them too late"
    )
    return seen, wasted


async def _flood(bot: Served, stand_ins: StandIns, size: Size) -> Seen:
    """Send each message on time at twice the capacity, then wait for one more minute."""
    seen, gap_s = Seen(), ANSWER_S / SLOTS / 2
    async with ClientSession() as http, asyncio.TaskGroup() as people:
        started = time.time()
        for number in range(round(size.seconds / gap_s)):
            await asyncio.sleep(max(started + number * gap_s - time.time(), 0))
            send = _send_slack if number % 3 == 2 else _send_kakao
            people.create_task(send(http, bot, stand_ins, seen, number))
        await asyncio.sleep(MINUTE_S + 1)
    return seen


async def _send_kakao(
    http: ClientSession, bot: Served, stand_ins: StandIns, seen: Seen, number: int
) -> None:
    url = f"{stand_ins.origin}/kakao/{number}"
    request = skill_request(f"{QUESTION} #{number}", f"person{number}", url)
    seen.kakao[number] = time.time()
    headers = {"X-Bot-Secret": KAKAO_SECRET}
    async with http.post(f"{bot.url}/webhooks/kakao", json=request, headers=headers) as response:
        body = json.dumps(await response.json(), ensure_ascii=False)
    if END in body:
        seen.whole[number] = time.time() - seen.kakao[number]
    elif "template" in body:
        seen.notified.add(number)


async def _send_slack(
    http: ClientSession, bot: Served, stand_ins: StandIns, seen: Seen, number: int
) -> None:
    body, headers = slack_command(f"{QUESTION} #{number}", f"{stand_ins.origin}/slack/{number}")
    seen.slack[number] = time.time()
    url = f"{bot.url}/webhooks/slack/commands"
    async with http.post(url, data=body, headers=headers) as response:
        response.raise_for_status()


async def _forget_deadlines(stores: Stores) -> None:
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        async with database.begin() as connection:
            for statement in FORGET_DEADLINES:
                await connection.execute(text(statement))
    finally:
        await database.dispose()
