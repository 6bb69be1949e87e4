"""``python -m inference_worker``: the composition root of the worker."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import uuid
from collections.abc import Sequence

import structlog
import uvloop

from inference_queue.channels import CANCEL_CHANNEL, WAKE_CHANNEL
from inference_queue.leases import LeaseClient
from inference_queue.worker_registry import Heartbeat
from inference_worker.api.server import api_server
from inference_worker.engines.base import Engine
from inference_worker.engines.registry import choose_engine
from inference_worker.errors import EngineError, EngineStuckError
from inference_worker.metrics import record_block
from inference_worker.settings import WorkerSettings
from inference_worker.status_server import CannotListenError, status_server
from inference_worker.worker import Worker, WorkerConnections, WorkerTimeouts
from runtime.database import BY_KEY, connect_database
from runtime.logging import configure_logs
from runtime.loop_monitor import monitored_loop
from runtime.pubsub import WakeupSubscriber
from runtime.redis_client import connect_redis
from runtime.settings_errors import SETTINGS_ERRORS, settings_errors
from runtime.store_urls import store_url_errors

log = structlog.get_logger(__name__)

#: The most connections to Postgres.
POOL_SIZE = 4
#: New objects until the youngest are looked through for garbage, as in the bot.
GC_OBJECTS = 10_000


async def serve(settings: WorkerSettings, engine: Engine, engine_name: str) -> None:
    """Work until SIGTERM or SIGINT.

    Raises EngineError where the model cannot be loaded, CannotListenError where its port is taken.
    """
    database = connect_database(
        settings.database_url.get_secret_value(),
        pool_size=POOL_SIZE,
        server_settings=BY_KEY,
        held=POOL_SIZE - 2,
    )
    redis = connect_redis(settings.redis_url.get_secret_value())
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    leases = LeaseClient(database, redis, worker=name, lease_s=settings.lease_s)
    try:
        async with (
            WakeupSubscriber(redis, WAKE_CHANNEL) as wake,
            WakeupSubscriber(redis, CANCEL_CHANNEL) as cancellations,
        ):
            worker = Worker(
                engine=engine,
                engine_name=engine_name,
                connections=WorkerConnections(
                    leases=leases,
                    heartbeat=Heartbeat(redis, worker=name),
                    database=database,
                    wake=wake,
                    cancellations=cancellations,
                ),
                slots=settings.slots,
                timeouts=WorkerTimeouts(
                    drain_s=settings.drain_s,
                    patience_s=settings.patience_s,
                    stuck_s=settings.stuck_s,
                ),
            )
            await _run(worker, settings)
    finally:
        await leases.close()
        await redis.aclose()
        await database.dispose()


async def _run(worker: Worker, settings: WorkerSettings) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(monitored_loop(record_block))
        if settings.port:
            await stack.enter_async_context(status_server(worker, settings.host, settings.port))
        if settings.api_port:
            server = api_server(
                worker.served,
                host=settings.api_host,
                port=settings.api_port,
                keys=settings.api_keys,
            )
            await stack.enter_async_context(server)
        await worker.run()


def main(arguments: Sequence[str] = ()) -> int:
    """Read the settings, choose the engine, work. Exit status 1 with one sentence on a mistake."""
    _parse(arguments)
    try:
        settings = WorkerSettings()
    except SETTINGS_ERRORS as error:
        return _complain(*settings_errors(error, WorkerSettings, "WORKER_"))
    configure_logs(settings.log_level)
    if wrong := store_url_errors(
        "WORKER_",
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
    ):
        return _complain(*wrong)
    try:
        engine_name, engine = choose_engine(settings)
    except EngineError as error:
        return _complain(error.failure.message)
    return _work(settings, engine, engine_name)


def _parse(arguments: Sequence[str]) -> None:
    """Only ``--help``: everything else is a setting."""
    argparse.ArgumentParser(
        prog="python -m inference_worker",
        description="Answer the jobs of the queue with a model of this machine, or by an external "
        "engine (WORKER_BASE_URL).",
        epilog="It is set up by environment variables or a .env file: WORKER_DATABASE_URL and "
        "WORKER_REDIS_URL are needed; README.md lists all of them.",
    ).parse_args(arguments)


def _work(settings: WorkerSettings, engine: Engine, engine_name: str) -> int:
    try:
        gc.freeze()  # imported modules stay: the collector need not look through them
        gc.set_threshold(GC_OBJECTS)
        uvloop.run(serve(settings, engine, engine_name))
    except EngineStuckError as error:
        log.error("engine_stuck", error=error.failure.message)
        sys.stdout.flush()
        # An orderly end would wait for the call in the driver that does not return.
        os._exit(1)
    except CannotListenError as error:
        return _complain(str(error))
    except EngineError as error:
        log.error("engine_unusable", error=error.failure.message)
        return 1
    return 0


def _complain(*lines: str) -> int:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
