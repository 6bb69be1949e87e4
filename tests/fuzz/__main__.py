"""Servers, a worker and a bot of its own, then so many requests; exit status 1 for any fault."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bot.store.migrations import migrate
from onebox.embedded_servers import embedded_postgres, embedded_valkey
from runtime.logging import configure_logs
from tests.fuzz.described import answers
from tests.fuzz.run import attack_from, measured
from tests.fuzz.target import Target, running_target

#: Processes that send at once.
SENDERS = 2


def everything(target: Target, requests: int, number: int) -> Counter[int]:
    """A tenth of the requests out of the description, the others byte by byte."""
    from_description = answers(target, requests // 10, number)
    return from_description + attack_from(
        target, SENDERS, requests - from_description.total(), number
    )


async def fuzz(requests: int, number: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bot-fuzz-") as name:
        folder = Path(name)
        async with (
            embedded_postgres(folder, durable=False) as database_url,
            embedded_valkey(folder) as redis_url,
        ):
            await migrate(database_url)
            async with running_target(database_url, redis_url, folder) as target:
                report = await asyncio.to_thread(
                    measured, target, requests // 10, lambda: everything(target, requests, number)
                )
    faults = report.faults()
    sys.stdout.write("\n".join([f"seed {number}", str(report), *faults[:20], ""]))
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    configure_logs("WARNING")
    return asyncio.run(fuzz(given.requests, given.seed))


if __name__ == "__main__":
    sys.exit(main())
