"""The bot as one aiohttp application: its parts, its routes, and its life."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Sequence

import structlog
import uvloop
from aiohttp import web

from bot import app_keys
from bot.admin.app import create_admin
from bot.admin.reading.parts import AnswerDisplay
from bot.background import answering_loops, quiet_loops, running
from bot.configs.texts import ScopedTexts
from bot.configuration import Configuration
from bot.delivery.answers import AnswerPresenter
from bot.health import Health
from bot.http.errors import MAX_BODY_BYTES, refuse
from bot.http.origin import origin
from bot.http.server_log import quote_no_requests
from bot.messengers.plugin import Loop, Services
from bot.observability.metrics import record_block
from bot.parts import (
    MESSAGES_POOL_SIZE,
    Base,
    ConversationParts,
    DeliveryParts,
    conversation_parts,
    delivery_parts,
    shared_parts,
)
from bot.settings import Settings
from bot.simulator.app import create_simulator
from bot.simulator.model_switch import ModelSwitch
from bot.store.migrations import SchemaCheck
from bot.store.warmup import warm_up
from bot.text.catalog import TEXTS
from runtime.http_server import (
    CONNECTION_SETTINGS,
    discard_unread_bodies,
    refuse_costly_requests,
)
from runtime.loop_monitor import monitored_loop

log = structlog.get_logger(__name__)

#: The time-out of running requests after SIGTERM: a Kakao webhook waits 3.8 s.
SHUTDOWN_S = 10.0
#: The time-out of idle connections: above a proxy's, far below aiohttp's default of an hour.
KEEPALIVE_S = 75.0
#: New objects until the youngest are looked through for garbage: a millisecond's work. A webhook
#: makes hundreds that live on for some seconds, and Python's 700 would take a tenth of its time.
GC_OBJECTS = 10_000


def create_app(configuration: Configuration, *, warm: bool = False) -> web.Application:
    """The bot as one aiohttp application; nothing is connected before it starts.

    ``warm``: prepare the database connections first, which delays the start by half a second.
    """
    quote_no_requests()
    settings = configuration.settings
    texts = TEXTS[settings.language]
    base = shared_parts(configuration)
    delivery = delivery_parts(base)
    conversation = conversation_parts(base, delivery)
    services = Services(
        settings=settings,
        texts=texts,
        texts_for=ScopedTexts(texts, base.configs.for_scope).for_scope,
        config_for=base.configs.for_scope,
        database=base.database,
        redis=base.redis,
        inbox=conversation.inbox,
        requests=conversation.requests,
        eraser=conversation.eraser,
        live=conversation.live,
        waiters=conversation.waiters,
        sync_window=delivery.sync_window,
        forecast=base.forecast,
        workers=base.workers,
        outbound=base.outbound,
    )
    app = web.Application(
        middlewares=[discard_unread_bodies, refuse, refuse_costly_requests],
        client_max_size=MAX_BODY_BYTES,
        handler_args=CONNECTION_SETTINGS,
    )
    app[app_keys.TEXTS] = texts
    app[app_keys.DATABASE] = base.database
    app[app_keys.REDIS] = base.redis
    app[app_keys.WORKERS] = base.workers
    app[app_keys.CONFIGS] = base.configs
    app[app_keys.FORECAST] = base.forecast
    app[app_keys.WAITERS] = conversation.waiters
    app[app_keys.INBOX] = conversation.inbox
    _add_routes(app, services, configuration, _display(services, configuration, delivery.answers))
    loops = [loop for one in configuration.messengers for loop in one.loops()]
    app.cleanup_ctx.append(functools.partial(_run, base, delivery, conversation, loops, warm))
    return app


def own_url(settings: Settings) -> str:
    """The URL of this bot on its own machine."""
    return origin(settings.host, settings.port)


def serve(configuration: Configuration) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the port is taken."""
    settings = configuration.settings
    app = create_app(configuration, warm=True)
    # Imported modules and built objects live forever: a full garbage collection over them would
    # stop the event loop for a tenth of a second.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)
    web.run_app(
        app,
        host=settings.host,
        port=settings.port,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
        loop=uvloop.new_event_loop(),
        print=lambda *_: log.info("listening", url=own_url(settings)),
    )


def _add_routes(
    app: web.Application,
    services: Services,
    configuration: Configuration,
    display: AnswerDisplay,
) -> None:
    settings, messengers = configuration.settings, configuration.messengers
    for messenger in messengers:
        app.add_routes(messenger.routes(services))
    health = Health(
        redis=services.redis,
        schema=SchemaCheck(services.database),
        workers=services.workers,
        forecast=services.forecast,
    )
    app.add_routes(health.routes())
    app.add_subapp(
        "/admin/",
        create_admin(
            settings,
            services.database,
            configuration.messenger_labels,
            workers=services.workers,
            max_new_tokens=configuration.max_new_tokens,
            display=display,
        ),
    )
    if settings.simulator:
        url = functools.partial(own_url, settings)
        panes = [functools.partial(m.simulator_pane, base_url=url) for m in messengers]
        app.add_subapp("/simulator", create_simulator(panes, ModelSwitch.of(settings.data_dir)))


def _display(
    services: Services, configuration: Configuration, answers: AnswerPresenter
) -> AnswerDisplay:
    """How the dashboard shows what people saw."""
    texts = services.texts
    return AnswerDisplay(
        compose=answers.bare,
        viewers={
            messenger.name: messenger.viewer(texts, services.texts_for)
            for messenger in configuration.messengers
        },
    )


async def _run(
    base: Base,
    delivery: DeliveryParts,
    conversation: ConversationParts,
    messenger_loops: Sequence[Loop],
    warm: bool,
    _app: web.Application,
) -> AsyncIterator[None]:
    """Connect, run the background loops, and finish running work at the end."""
    loops = (
        *answering_loops(base, delivery, conversation),
        *quiet_loops(base, conversation.eraser),
        *messenger_loops,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(base.database.dispose)
        stack.push_async_callback(base.messages.dispose)
        stack.push_async_callback(base.redis.aclose)
        if warm:
            await warm_up(base.messages, base.queue, connections=MESSAGES_POOL_SIZE)
        await base.configs.load()
        await base.blocklist.load()
        await stack.enter_async_context(monitored_loop(record_block))
        await stack.enter_async_context(base.outbound)
        await stack.enter_async_context(base.finished)
        await stack.enter_async_context(base.settled)
        async with running(loops):
            yield
        for messenger in base.configuration.messengers:
            await messenger.close()
        await conversation.eraser.close()
        await delivery.dispatcher.close()  # a settlement under way schedules what is next
        await conversation.scheduler.close()
        await base.queue.close()
        await base.settled_publisher.close()
