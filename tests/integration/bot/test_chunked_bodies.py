"""A body of tiny chunks, which is slow to parse, holds up nobody; one of few is read."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from bot.http.errors import MAX_BODY_BYTES
from fakes.generic import signed_headers
from tests.fuzz.target import Target, running_target
from tests.support.stack import GENERIC_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: 1.8 MB of them; each is a byte of the body.
CHUNKS = b"1\r\na\r\n" * 300_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(
    module_database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    """The bot in a process of its own, whose event loop is its own too."""
    folder: Path = tmp_path_factory.mktemp("chunked")
    async with running_target(module_database_url, valkey_url, folder, worker=False) as running:
        yield running


async def flood(target: Target, path: str, *, method: str = "POST") -> bytes:
    """The status line for a body of chunks without an end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + CHUNKS)
    status = b""
    with contextlib.suppress(OSError):
        status = await reader.readline()
        await reader.read()  # until the bot closes the connection
    writer.close()
    return status


@pytest.mark.parametrize(
    ("path", "status"),
    [("/webhooks/kakao", 401), ("/webhooks/generic", 408), ("/admin/", 303), ("/nowhere", 404)],
)
async def test_tiny_chunks_hold_up_nobody(target: Target, path: str, status: int) -> None:
    before = await asyncio.to_thread(target.loop_blocks)
    async with asyncio.timeout(60):
        lines = await asyncio.gather(*(flood(target, path) for _ in range(4)))
    assert [int(line.split()[1]) for line in lines] == [status] * 4
    assert await asyncio.to_thread(target.loop_blocks) == before, target.blocked_in()


async def sent_in_parts(target: Target, body: bytes, size: int) -> int:
    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(body), size):
            yield body[at : at + size]

    headers = signed_headers(GENERIC_SECRET, body)
    url = f"{target.origin}/webhooks/generic"
    async with ClientSession() as http, http.post(url, data=parts(), headers=headers) as response:
        return response.status


async def test_a_body_in_chunks_is_a_body(target: Target) -> None:
    body = json.dumps({"user": "u", "conversation": "c", "command": "help"}).encode()
    assert await sent_in_parts(target, body, 1) == 200
    assert await sent_in_parts(target, b" " * (MAX_BODY_BYTES - len(body)) + body, 4096) == 200
    assert await sent_in_parts(target, b" " * MAX_BODY_BYTES + body, 4096) == 413


async def test_a_file_is_sent_whatever_body_comes_with_the_request(target: Target) -> None:
    for path in ("/simulator/static/page.js", "/admin/static/style.css"):
        assert b" 200 " in await flood(target, path, method="GET")
    assert target.complaints() == []
