"""``python -m inference_worker.health``: exit status 0 where a worker of this host is alive.

For containers, whose host name is their own. Heartbeats go through Redis. Without Redis the state
is unknown, which counts as alive: a worker goes on without it.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from pydantic import ValidationError
from redis.exceptions import RedisError

from inference_queue.worker_registry import WorkerState, WorkerStatus, list_workers
from inference_worker.settings import WorkerSettings
from runtime.redis_client import connect_redis, redis_cause
from runtime.settings_errors import invalid_settings


async def check(redis_url: str, host: str) -> tuple[bool, str]:
    """Whether a worker of ``host`` announced itself lately, and a sentence about it.

    Raises ValueError where the URL cannot be read.
    """
    redis = connect_redis(redis_url)
    try:
        workers = await list_workers(redis)
    except (RedisError, OSError) as error:
        return True, f"unknown: Valkey/Redis cannot be reached ({redis_cause(error)})"
    finally:
        await redis.aclose()
    # An id is HOST-PID-RANDOM, and a host name may hold hyphens of its own.
    return _judge([worker for worker in workers if worker.id.rsplit("-", 2)[0] == host], host)


def _judge(workers: list[WorkerStatus], host: str) -> tuple[bool, str]:
    if not workers:
        return False, f"no worker of {host} is alive"
    states = ", ".join(f"{worker.state} {worker.detail}".strip() for worker in workers)
    return any(worker.state is not WorkerState.FAILED for worker in workers), states


def main() -> int:
    """Print the sentence; 0 for alive or unknown, 1 for gone or misconfigured."""
    url = ""
    try:
        url = WorkerSettings().redis_url.get_secret_value()
        alive, sentence = asyncio.run(check(url, socket.gethostname()))
    except ValidationError as error:
        names = ", ".join(invalid_settings(error, "WORKER_"))
        alive, sentence = False, f"wrong settings: {names}"
    except ValueError as error:
        alive, sentence = False, f"WORKER_REDIS_URL: {error if url else 'it is not set'}"
    sys.stdout.write(f"{sentence}\n")
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
