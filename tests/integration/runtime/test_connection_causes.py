"""Why a store cannot be reached, in words: on a real Postgres with passwords and TLS."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.workers import WorkerRegistry
from onebox.embedded_servers import _must_drop_root, _postgres, embedded_postgres, valkey_binary
from onebox.supervisor import ProcessSpec, SupervisedProcess
from runtime.database import CannotConnectError, connect_database, connect_unpooled, is_gone
from runtime.outage_log import OutageLog
from runtime.redis_client import connect_redis, redis_cause
from tests.support.postgres_tls import TlsFront, tls_front
from tests.support.tls import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclasses.dataclass(frozen=True)
class TcpServers:
    """A Postgres that wants a password and offers TLS, and a Valkey that wants a password."""

    front: TlsFront
    plain_port: int
    cache_port: int
    root: Path

    @property
    def port(self) -> int:
        return self.front.port

    def url(self, user: str = "app:right", database: str = "bot", query: str = "") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{query}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers() -> AsyncIterator[TcpServers]:
    folder = Path(tempfile.mkdtemp(prefix="bot-tcp-"))
    async with embedded_postgres(folder, durable=False) as url:
        engine = connect_unpooled(url)
        async with engine.begin() as connection:
            await connection.execute(text("CREATE ROLE app LOGIN CREATEROLE PASSWORD 'right'"))
            await connection.execute(text("CREATE ROLE nologin PASSWORD 'right'"))
            await connection.execute(text("GRANT ALL ON SCHEMA public TO app"))
        await engine.dispose()
    (folder / "postgres/pg_hba.conf").write_text(
        "local all all trust\nhost bot all 127.0.0.1/32 scram-sha-256\n"
        "host absent all 127.0.0.1/32 scram-sha-256\n"
    )
    authority = Authority(folder)
    port, cache_port = free_port(), free_port()
    sockets = folder / "sockets"
    sockets.mkdir(mode=0o700)
    postgres = SupervisedProcess(_over_tcp(_postgres(folder, sockets, durable=False).spec, port))
    valkey = SupervisedProcess(
        ProcessSpec(
            name="Valkey",
            argv=[
                *(str(valkey_binary()), "--port", str(cache_port), "--bind", "127.0.0.1"),
                *("--requirepass", "right", "--save", "", "--dir", str(folder)),
            ],
            log=folder / "logs" / "valkey.log",
        )
    )
    try:
        await postgres.start()
        await valkey.start()
        await until_listening(port)
        await until_listening(cache_port)
        async with tls_front(port, authority.server().context()) as front:
            yield TcpServers(front, port, cache_port, authority.root)
    finally:
        await asyncio.gather(postgres.stop(), valkey.stop())
        shutil.rmtree(folder, ignore_errors=True)


def _over_tcp(spec: ProcessSpec, port: int) -> ProcessSpec:
    assert spec.drop_root == _must_drop_root()
    argv = [word for word in spec.argv if not word.startswith(("--listen_addresses", "--port"))]
    argv += ["--listen_addresses=127.0.0.1", f"--port={port}"]

    async def ready() -> bool:
        return True

    return dataclasses.replace(spec, argv=argv, is_ready=ready)


async def until_listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def connected(url: str) -> dict[str, Any]:
    """What the server says of the session."""
    engine = connect_unpooled(url)
    try:
        async with engine.connect() as connection:
            query = (
                "SELECT current_setting('application_name') AS app, "
                "current_setting('statement_timeout') AS slow"
            )
            return dict((await connection.execute(text(query))).one()._mapping)
    finally:
        await engine.dispose()


async def refused(url: str) -> str:
    with pytest.raises(CannotConnectError) as error:
        await connected(url)
    assert is_gone(error.value)
    assert "right" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", {"ssl": True}),
        ("?sslmode=disable", {"ssl": False}),
        ("?sslmode=require&channel_binding=require", {"ssl": True}),
        ("?sslmode=verify-full&sslrootcert={root}", {"ssl": True}),
        ("?sslmode=verify-ca&sslrootcert={root}", {"ssl": True}),
        ("?ssl=true&connect_timeout=10&gssencmode=disable", {"ssl": True}),
        ("?application_name=bot", {"app": "bot"}),
        ("?statement_timeout=7000", {"slow": "7s"}),
        ("?options=-cstatement_timeout%3D9s%20-csynchronous_commit%3Doff", {"slow": "9s"}),
        ("?target_session_attrs=read-write&prepared_statement_cache_size=0", {"ssl": True}),
    ],
)
async def test_what_urls_of_large_hosts_carry_works(
    servers: TcpServers, query: str, said: dict[str, Any]
) -> None:
    url = servers.url(query=query.format(root=servers.root))
    before = servers.front.secured
    facts = await connected(url)
    assert said.items() <= {**facts, "ssl": servers.front.secured > before}.items()


async def test_a_server_without_tls_is_told(servers: TcpServers) -> None:
    url = f"postgresql://app:right@127.0.0.1:{servers.plain_port}/bot?sslmode=require"
    assert (await refused(url)).endswith(
        "it does not offer TLS: take sslmode= out of the URL, or switch TLS on there"
    )


async def test_the_roots_of_the_system_are_believed(
    servers: TcpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = servers.url(query="?sslmode=verify-full&sslrootcert=system")
    assert "TLS: the certificate's issuer is not known" in await refused(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.root))
    await connected(url)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"user": "app:wrong"}, 'wrong password for the user "app"'),
        ({"user": "nobody:right"}, 'wrong password for the user "nobody"'),
        ({"user": "nologin:right"}, 'the user "nologin" may not log in: '),
        ({"database": "absent"}, 'there is no database "absent"'),
        ({"database": "template1"}, 'the user "app" may not log in: no pg_hba.conf entry'),
        ({"query": "?options=-cnonsense%3D1"}, "a parameter of the URL is refused: "),
        ({"query": "?statement_timeout=soon"}, "a parameter of the URL is refused: "),
        ({"query": "?sslnegotiation=maybe"}, "`sslnegotiation` parameter must be one of"),
    ],
)
async def test_what_the_server_refuses_is_named_with_its_place(
    servers: TcpServers, changes: dict[str, str], cause: str
) -> None:
    said = await refused(servers.url(**changes))
    assert said.startswith(f"Postgres at 127.0.0.1:{servers.port}: {cause}")


async def test_another_service_is_told_from_postgres(servers: TcpServers) -> None:
    said = await refused(f"postgresql://app:right@127.0.0.1:{servers.cache_port}/bot")
    assert said.startswith(f"Postgres at 127.0.0.1:{servers.cache_port}: ")


async def test_a_server_that_is_silent_is_told() -> None:
    quiet = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await quiet.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = await refused(f"postgresql://app:right@127.0.0.1:{port}/bot")
    quiet.set()
    server.close()
    assert said == (
        f"Postgres at 127.0.0.1:{port}: no answer in time: a firewall, or the wrong address?"
    )


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("redis://:right@127.0.0.1:{port}/0", ""),
        ("redis://:wrong@127.0.0.1:{port}/0", "it wants another user or password"),
        ("redis://127.0.0.1:{port}/0", "it wants another user or password"),
        ("redis://:right@127.0.0.1:{port}/99", "DB index is out of range"),
        ("rediss://:right@127.0.0.1:{port}/0", "no answer in time"),  # it waits for more
        ("redis://127.0.0.1:{postgres}/0", "the connection was closed: is TLS wanted"),
        ("redis://127.0.0.1:1/0", "the connection was refused: is it running"),
        ("redis://cache.invalid/0", "there is no such host"),
        ("unix:///nowhere/valkey.sock", "there is no such socket: is the server running?"),
    ],
)
async def test_why_valkey_does_not_answer(servers: TcpServers, url: str, cause: str) -> None:
    said = ""
    redis = connect_redis(url.format(port=servers.cache_port, postgres=servers.port))
    try:
        await redis.get("key")
    except Exception as error:  # noqa: BLE001 - every kind is explained
        said = redis_cause(error)
    finally:
        await redis.aclose()
    assert said.startswith(cause)
    assert bool(said) == bool(cause)


async def test_an_outage_of_postgres_is_logged_once_and_again_when_its_cause_changes(
    servers: TcpServers,
) -> None:
    keeper = connect_unpooled(servers.url())
    engine = connect_database(servers.url("guest:first"), pool_size=1)
    with capture_logs() as logs:
        async with keeper.connect() as connection:
            for statement in (
                "CREATE ROLE guest PASSWORD 'first'",
                "ALTER ROLE guest LOGIN PASSWORD 'second'",
                "ALTER ROLE guest PASSWORD 'first'",
            ):
                await connection.execute(text(statement))
                await connection.commit()
                for _ in range(3):
                    await _try(engine)
            await engine.dispose()
            await connection.execute(text("DROP ROLE guest"))
            await connection.commit()
    await keeper.dispose()
    place = f"127.0.0.1:{servers.port}"
    assert {line["where"] for line in logs} == {place}
    said = [(line["event"], line.get("cause", "").partition(":")[0]) for line in logs]
    assert said == [
        ("postgres_unreachable", 'the user "guest" may not log in'),
        ("postgres_unreachable", 'wrong password for the user "guest"'),
        ("postgres_reachable", ""),
    ]


async def _try(engine: Any) -> None:
    try:
        async with engine.connect():
            pass
    except CannotConnectError:
        return


async def test_an_outage_of_valkey_is_logged_once_with_its_place() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        registry = WorkerRegistry(nowhere)
        with capture_logs() as logs:
            for _ in range(5):
                await registry.refresh()
    [line] = logs
    assert line["event"] == "valkey_unreachable"
    assert line["where"] == "127.0.0.1:1"
    assert line["cause"] == "the connection was refused: is it running, and is the port right?"


async def test_the_log_of_an_outage_tells_every_change_once() -> None:
    log = OutageLog("postgres", "h:1")
    with capture_logs() as logs:
        for cause in ("refused", "refused", "starting", "starting"):
            log.begin(cause)
        log.end()
        log.end()
        log.begin("starting")  # it flaps: not told again at once
        log.end()
        log.begin("refused")
    said = [(line["event"], line.get("cause")) for line in logs]
    assert said == [
        ("postgres_unreachable", "refused"),
        ("postgres_unreachable", "starting"),
        ("postgres_reachable", None),
        ("postgres_unreachable", "refused"),
    ]
