"""Everything that runs during a run: the cluster, the platforms and their clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from bot.text.catalog import TEXTS
from chaos import background, photos
from chaos.bot_client import BotClient
from chaos.clients import ClientPool
from chaos.cluster import Cluster, StandIns, running_cluster
from chaos.generic_clients import GenericClients
from chaos.journal import Journal
from chaos.kakao_clients import KakaoClients
from chaos.notices import Notices
from chaos.plan import Plan
from chaos.platforms import Platforms, running_platforms
from chaos.rooms import Rooms
from chaos.slack_clients import SlackClients
from chaos.thread_ledger import ThreadLedger
from chaos.versions import sentences_of
from fakes.engine_server import engine_server
from fakes.faults import Fault

TOKEN_S = 0.05
#: The platforms' faults, in a hundred requests.
PLATFORM_FAULTS: dict[Fault | None, int] = {
    None: 88,
    Fault.SLOW: 3,
    Fault.RATE_LIMITED: 4,
    Fault.SERVER_ERROR: 1,
    Fault.CUT: 1,
    Fault.DROPPED: 1,
    Fault.TIME_OUT: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that runs during a run."""

    cluster: Cluster
    clients: ClientPool
    platforms: Platforms
    rooms: Rooms


@asynccontextmanager
async def running_world(plan: Plan, folder: Path, journal: Journal) -> AsyncIterator[World]:
    """Start everything."""
    async with (
        running_platforms() as platforms,
        engine_server(reply=_reply(journal), delay_per_token_s=TOKEN_S, vision=True) as engine,
        ClientSession(connector=TCPConnector(limit=0, force_close=True)) as http,
        running_cluster(
            folder,
            StandIns(
                kakao=platforms.kakao.origin,
                slack=platforms.slack.origin,
                generic=platforms.generic.origin,
                engine=engine.url,
                photos=platforms.photos.origin,
                files=platforms.files.origin,
            ),
            merge_s=plan.merge_s,
            previous_version=plan.previous_version,
        ) as cluster,
    ):
        _schedule_faults(plan, platforms)
        notices = await asyncio.to_thread(_notices, plan)
        rooms = _rooms(plan, journal, cluster, platforms, notices, http)
        clients = _clients(plan, journal, cluster, platforms, notices, http, rooms)
        yield World(cluster=cluster, clients=clients, platforms=platforms, rooms=rooms)


def _reply(journal: Journal) -> Callable[[list[dict[str, Any]]], str]:
    def reply(messages: list[dict[str, Any]]) -> str:
        if background.is_background(messages):
            return background.reply(messages)
        return journal.reply(photos.as_texts(messages))

    return reply


def _notices(plan: Plan) -> Notices:
    """The sentences of both versions."""
    previous = [sentences_of(plan.previous_version)] if plan.previous_version else []
    return Notices([asdict(TEXTS["ko"]), *previous])


def _clients(
    plan: Plan,
    journal: Journal,
    cluster: Cluster,
    platforms: Platforms,
    notices: Notices,
    http: ClientSession,
    rooms: Rooms,
) -> ClientPool:
    rng = plan.rng("clients")
    bots = BotClient(cluster.bots, http, journal, rng)
    serving = [node for node in cluster.bots if node.serves_generic]
    generic_bots = BotClient(serving, http, journal, rng)
    return ClientPool(
        journal,
        KakaoClients(
            journal,
            bots,
            platforms.kakao,
            notices,
            rng,
            with_deeds=plan.covers_new_ways,
            photos=platforms.photos if plan.covers_photos else None,
        ),
        SlackClients(journal, bots, platforms.slack, notices),
        GenericClients(journal, generic_bots, platforms.generic, notices, rng),
        rooms,
    )


def _rooms(
    plan: Plan,
    journal: Journal,
    cluster: Cluster,
    platforms: Platforms,
    notices: Notices,
    http: ClientSession,
) -> Rooms:
    rng = plan.rng("people in rooms")
    serving = [node for node in cluster.bots if node.serves_events]
    bots = BotClient(serving, http, journal, rng)
    ledger = ThreadLedger(cluster.database_url)
    files = platforms.files if plan.covers_photos else None
    return Rooms(journal, bots, platforms.slack, notices, ledger, rng, files)


def _schedule_faults(plan: Plan, platforms: Platforms) -> None:
    rng = plan.rng("platform faults")
    kinds, weights = list(PLATFORM_FAULTS), list(PLATFORM_FAULTS.values())
    for faults in platforms.faults:
        faults.once(*rng.choices(kinds, weights, k=plan.messages * 2))
