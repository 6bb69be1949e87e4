"""What the product costs while nobody speaks: CPU of each process, in percent of a core."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from benchmarks.figures import Figure, say
from benchmarks.stack import running_bot, running_stores, running_worker, until_ready
from benchmarks.stand_ins import running_stand_ins
from onebox.supervisor import SupervisedProcess

GOAL = "of a core; goal 2 with the other program"
STORE_GOAL = "of a core; goal 2"


@dataclass(frozen=True, slots=True)
class Size:
    """How long to look."""

    settling_s: float = 20.0  #: pools are filled, and what starts has started
    seconds: float = 60.0


async def bench(size: Size) -> list[Figure]:
    """A bot, a worker and their stores; nobody writes, and nobody looks at the dashboard."""
    async with (
        running_stand_ins() as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin, admin_password="idle-as-can-be") as bot,
        running_worker(stores, stand_ins.origin) as worker,
    ):
        await until_ready(bot)
        await asyncio.sleep(size.settling_s)
        processes = {
            "bot": bot.process,
            "worker": worker,
            "postgres": stores.postgres.process,
            "valkey": stores.valkey.process,
        }
        shares = await shares_of_a_core(processes, size.seconds)
    programs = shares["bot"] + shares["worker"]
    say(f"idle: bot and worker together {programs:.2f} % of a core")
    goals = dict.fromkeys(("bot", "worker"), GOAL) | {"postgres": STORE_GOAL}
    return [
        Figure(f"idle.{name}", share, "% of a core", goals.get(name, ""))
        for name, share in shares.items()
    ]


async def shares_of_a_core(
    processes: Mapping[str, SupervisedProcess], seconds: float
) -> dict[str, float]:
    """What each process uses meanwhile, in percent of a core."""
    began = time.monotonic()
    before = {name: used_s(process) for name, process in processes.items()}
    await asyncio.sleep(seconds)
    took_s = time.monotonic() - began
    return {
        name: 100 * max(used_s(process) - before[name], 0.0) / took_s
        for name, process in processes.items()
    }


def used_s(supervised: SupervisedProcess) -> float:
    """CPU seconds of the process and of all its children so far, those that ended included."""
    if supervised.child is None:
        return 0.0
    parent = psutil.Process(supervised.child.pid)
    used = 0.0
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used
