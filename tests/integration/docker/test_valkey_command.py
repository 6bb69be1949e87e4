"""The compose file's command line for Valkey, run with a real server and without Docker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest
import yaml
from redis.asyncio import Redis
from redis.exceptions import RedisError

from onebox.embedded_servers import valkey_answers, valkey_binary

ROOT = Path(__file__).parents[3]
PASSWORD = "letters0and1digits"


async def test_valkey_wants_its_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    command = [part.replace("$$", "$") for part in compose["services"]["valkey"]["command"]]
    socket, program = tmp_path / "s", tmp_path / "valkey-server"
    program.write_text(f'#!/bin/sh\nexec {valkey_binary()} "$@" --port 0 --unixsocket {socket}\n')
    program.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "VALKEY_PASSWORD": PASSWORD},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not socket.exists():
                await asyncio.sleep(0.02)
        assert not await valkey_answers(socket)
        async with Redis(unix_socket_path=str(socket)) as stranger:
            with pytest.raises(RedisError, match=r"(?i)auth"):
                await stranger.ping()
        async with Redis(unix_socket_path=str(socket), password=PASSWORD) as client:
            assert await client.ping()
            policy = await client.config_get("maxmemory-policy")
            assert policy == {"maxmemory-policy": "volatile-lru"}
        assert PASSWORD not in " ".join(psutil.Process(process.pid).cmdline())
    finally:
        process.terminate()
        await process.wait()
