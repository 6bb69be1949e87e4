"""No request body is ever unpacked: a Content-Encoding is refused on every path, at no cost."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.fuzz.requests import credentials
from tests.fuzz.target import Target, running_target
from tests.support.stack import KAKAO_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20
PATHS = (
    "/webhooks/kakao",
    "/webhooks/slack/commands",
    "/webhooks/slack/events",
    "/webhooks/slack/interactivity",
    "/webhooks/generic",
    "/webhooks/generic/results/x",
    "/healthz",
    "/readyz",
    "/metrics",
    "/admin",
    "/admin/",
    "/admin/login",
    "/admin/static/style.css",
    "/simulator",
    "/simulator/kakao/messages",
    "/simulator/static/page.js",
    "/nowhere",
)
CODINGS = ("gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x", "")


@cache
def bomb() -> bytes:
    """One MiB of gzip that unpacks to a gigabyte of zeros."""
    packer = zlib.compressobj(wbits=31)
    begin = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so the same bytes are valid again and again.
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + block * ((MIB - len(begin)) // len(block))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(
    module_database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    """The bot in a process of its own, whose time and memory are its own too."""
    folder: Path = tmp_path_factory.mktemp("packed")
    async with running_target(module_database_url, valkey_url, folder, worker=False) as running:
        yield running


async def posted(target: Target, path: str, body: bytes, **headers: str) -> int:
    async with (
        ClientSession(target.origin) as http,
        http.post(path, data=body, headers=headers) as response,
    ):
        return response.status


def cpu_s(target: Target) -> float:
    times = psutil.Process(target.pid).cpu_times()
    return times.user + times.system


async def test_the_bomb_is_one() -> None:
    assert MIB * 0.9 < len(bomb()) <= MIB
    tenth = zlib.decompressobj(wbits=31).decompress(bomb()[: len(bomb()) // 10])
    assert len(tenth) > 90 * MIB


@pytest.mark.parametrize("coding", CODINGS)
async def test_every_coding_is_refused_on_every_path(target: Target, coding: str) -> None:
    packed = gzip.compress(b'{"type": "url_verification", "challenge": "x"}')
    headers = {"Content-Encoding": coding, "X-Bot-Secret": KAKAO_SECRET}
    statuses = await asyncio.gather(*(posted(target, path, packed, **headers) for path in PATHS))
    assert set(statuses) == {415}


async def test_a_signature_does_not_help(target: Target) -> None:
    packed = gzip.compress(b'{"type": "url_verification", "challenge": "x"}')
    for kind, path in (("events", "/webhooks/slack/events"), ("generic", "/webhooks/generic")):
        signed = {name.decode(): value.decode() for name, value in credentials(kind, packed)}
        assert await posted(target, path, packed, **signed, **{"Content-Encoding": "gzip"}) == 415


async def test_a_bomb_costs_neither_time_nor_memory(target: Target) -> None:
    async def throw(body: bytes, **headers: str) -> tuple[set[int], float]:
        before = cpu_s(target)
        answers = await asyncio.gather(*(posted(target, p, body, **headers) for p in PATHS))
        await asyncio.to_thread(target.rest)
        return set(answers), cpu_s(target) - before

    await throw(bytes(MIB))
    memory = psutil.Process(target.pid).memory_info().rss
    _, plain_s = await throw(bytes(MIB))
    statuses, packed_s = await throw(bomb(), **{"Content-Encoding": "gzip"})
    assert statuses == {415}
    # Unpacking takes about a second for each of them.
    assert packed_s < 3 * plain_s + 1.0
    assert psutil.Process(target.pid).memory_info().rss - memory < 32 * MIB
    assert not target.complaints()
