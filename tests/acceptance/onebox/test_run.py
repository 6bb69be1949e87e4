"""One machine, real processes: how it starts, stops, is killed, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from onebox.embedded_servers import embedded_postgres
from runtime.database import DATABASE_ERRORS

REPOSITORY = Path(__file__).parents[3]


@dataclass
class Run:
    """A started onebox and what it has said so far."""

    process: subprocess.Popen[str]
    data_dir: Path
    lines: list[str] = field(default_factory=list)

    def until(self, word: str) -> str:
        """Read on to the line with ``word``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if word in line:
                return self.lines[-1]
        raise AssertionError(f"{word!r} was never said: {self.lines} {self.errors()}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def given(self, name: str) -> dict[str, str]:
        """The environment that the bot or the worker was started with."""
        plain = json.loads((self.data_dir / f"{name}.json").read_text("utf-8"))
        return {str(k): str(v) for k, v in plain.items()}

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)


@contextlib.contextmanager
def started(data_dir: Path, *wrapped_in: str, **settings: str) -> Iterator[Run]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
    env = {
        **clean,
        "PYTHONPATH": str(REPOSITORY),
        "BOT_DATA_DIR": str(data_dir),
        "BOT_PORT": "0",
        **settings,
    }
    with subprocess.Popen(
        [*wrapped_in, sys.executable, "-m", "tests.support.onebox_standin", "onebox"],
        cwd=data_dir.parent if data_dir.parent.is_dir() else "/",
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Run(process, data_dir)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)


def refusal(data_dir: Path, *wrapped_in: str, **settings: str) -> str:
    """The one sentence that a start ends with."""
    with started(data_dir, *wrapped_in, **settings) as run:
        said, errors = run.process.communicate(timeout=60)
    assert run.process.returncode == 1, said + errors
    assert "Traceback" not in said + errors
    assert errors.count("\n") == 1, errors
    return errors.strip()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    def runs(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return [process for process in processes if runs(process)]


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def soon(holds: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Postgres cluster made once, without fsync: each test starts on a copy."""
    folder = tmp_path_factory.mktemp("cluster")
    async with embedded_postgres(folder, durable=False):
        pass
    return folder / "postgres"


@pytest.fixture
def data_dir(tmp_path: Path, cluster: Path) -> Path:
    folder = tmp_path / "데이터 1"
    shutil.copytree(cluster, folder / "postgres")
    return folder


async def execute(url: str, statement: str) -> object:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        result = await connection.execute(text(statement))
        value = result.scalar() if result.returns_rows else None
    await engine.dispose()
    return value


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_start_shows_the_address_and_stop_ends_every_process(
    data_dir: Path, by: signal.Signals
) -> None:
    with started(data_dir) as run:
        run.until("/admin/")
        told = "\n".join(run.lines)
        assert "Waiting for the worker: no worker is running" in told
        assert "Model: half of it is here" in told
        bot, worker = run.given("bot"), run.given("worker")
        origin = f"http://127.0.0.1:{bot['BOT_PORT']}"
        assert f"{origin}/simulator" in told
        assert bot["BOT_KAKAO_CALLBACK_HOSTS"] == f".kakao.com,{origin}"
        assert bot["BOT_SLACK_RESPONSE_HOSTS"] == f"hooks.slack.com,{origin}"
        assert bot["BOT_SIMULATOR"] == "true"
        assert worker["WORKER_DATABASE_URL"] == bot["BOT_DATABASE_URL"]
        assert worker["WORKER_DATA_DIR"] == str(data_dir)
        secrets = data_dir / "secrets.json"
        assert secrets.stat().st_mode & 0o777 == 0o600
        assert bot["BOT_ADMIN_PASSWORD"] in secrets.read_text("utf-8")
        assert bot["BOT_ADMIN_PASSWORD"] not in told  # standard output is no terminal here
        assert str(secrets) in told
        await execute(bot["BOT_DATABASE_URL"], "CREATE TABLE kept (n int)")
        family = run.family()
        assert len(alive(family)) > 4
        assert run.stop(by) == 0
        assert alive(family) == []
    assert left_in(data_dir) == {"postgres", "logs", "secrets.json", "bot.json", "worker.json"}
    assert not (data_dir / "postgres" / "postmaster.pid").exists()

    with started(data_dir, BOT_SIMULATOR="false") as run:
        run.until("/admin/")
        assert "/simulator" not in "\n".join(run.lines)
        again = run.given("bot")
        assert again["BOT_SIMULATOR"] == "false"
        assert not [name for name in again if name.endswith("_HOSTS")]
        assert again["BOT_ADMIN_PASSWORD"] == bot["BOT_ADMIN_PASSWORD"]
        assert await execute(again["BOT_DATABASE_URL"], "SELECT count(*) FROM kept") == 0


#: Secrets of each program, of the machine's owner and of nobody here.
BOTS = {"BOT_SLACK_SIGNING_SECRET": "sekret-of-slack", "BOT_ADMIN_PASSWORD": "sekret-of-admin"}
WORKERS = {"WORKER_API_KEY": "sekret-of-engine", "HF_TOKEN": "sekret-of-hub"}
OTHERS = {"AWS_SECRET_ACCESS_KEY": "sekret-of-cloud", "POSTGRES_PASSWORD": "sekret-of-database"}


def test_each_process_has_its_own_secrets_only_in_its_environment(data_dir: Path) -> None:
    with started(data_dir, **BOTS, **WORKERS, **OTHERS) as run:
        run.until("/admin/")
        made = json.loads((data_dir / "secrets.json").read_text("utf-8"))
        seen: dict[str, set[str]] = {}
        for process in psutil.Process(run.process.pid).children():
            program = next(
                (word for word in ("bot", "worker") if word in process.cmdline()), process.name()
            )
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode()
            secrets = {*BOTS.values(), *WORKERS.values(), *OTHERS.values(), *made.values()}
            seen[program] = {secret for secret in secrets if secret in environment}
            names = [line.partition("=")[0] for line in environment.split("\0")]
            others = {"bot": "WORKER_", "worker": "BOT_"}.get(program, ("BOT_", "WORKER_", "PG"))
            assert not [name for name in names if name.startswith(others)], program
        assert seen == {
            "bot": {*BOTS.values(), *made.values()},
            "worker": set(WORKERS.values()),
            "postgres": set(),
            "valkey-server": set(),
        }


@pytest.mark.parametrize(
    ("insisted", "sentence", "shown"),
    [
        ({}, "The simulator stays off: BOT_HOST=0.0.0.0 lets other machines in", False),
        ({"BOT_SIMULATOR": "true"}, "The simulator is open to strangers", True),
    ],
)
def test_where_others_reach_the_bot_the_simulator_is_open_only_if_insisted_on(
    data_dir: Path, insisted: dict[str, str], sentence: str, shown: bool
) -> None:
    with started(data_dir, BOT_HOST="0.0.0.0", **insisted) as run:
        run.until("/admin/")
        told = "\n".join(run.lines)
        assert sentence in told
        assert ("BOT_SIMULATOR=true opens it all the same" in told) is not shown
        assert ("/simulator" in told) is shown
        bot = run.given("bot")
        assert bot["BOT_SIMULATOR"] == ("true" if shown else "false")
        assert ("BOT_GENERIC_CALLBACK_HOSTS" in bot) is shown


def test_ctrl_c_stops_it_also_where_a_script_has_put_it_into_the_background(
    data_dir: Path,
) -> None:
    # What `make run &` in a shell script does to it.
    with started(data_dir, "sh", "-c", "trap '' INT; exec \"$@\"", "sh") as run:
        run.until("Postgres runs")
        assert run.stop(signal.SIGINT) == 0
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


async def test_a_killed_parent_leaves_nothing_running_and_loses_nothing(data_dir: Path) -> None:
    with started(data_dir) as run:
        run.until("/admin/")
        await execute(run.given("bot")["BOT_DATABASE_URL"], "CREATE TABLE kept (n int)")
        family = run.family()
        run.stop(signal.SIGKILL)

        async def all_gone() -> bool:
            return not alive(family)

        await soon(all_gone)
    with started(data_dir) as run:
        run.until("/admin/")
        url = run.given("bot")["BOT_DATABASE_URL"]
        assert await execute(url, "SELECT count(*) FROM kept") == 0


async def test_killed_process_is_restarted(data_dir: Path) -> None:
    with started(data_dir) as run:
        run.until("/admin/")
        bot = run.given("bot")
        for process in run.family():
            named = process.name() in ("postgres", "valkey-server") or "worker" in process.cmdline()
            if named and process.ppid() == run.process.pid:
                process.kill()
        said = [run.until("starting it again") for _ in range(3)]
        assert {line.split(" ended")[0] for line in said} == {"Postgres", "Valkey", "The worker"}
        assert all("(SIGKILL)" in line for line in said)
        await soon(lambda: answer(bot["BOT_DATABASE_URL"], bot["BOT_REDIS_URL"]))


async def answer(database_url: str, redis_url: str) -> bool:
    try:
        async with Redis.from_url(redis_url) as client:
            await client.ping()
        return await execute(database_url, "SELECT 1") == 1
    except (RedisError, *DATABASE_ERRORS):
        return False


def test_second_start_on_the_same_data_is_refused(data_dir: Path) -> None:
    with started(data_dir) as run:
        run.until("/admin/")
        assert refusal(data_dir) == (
            f"Another process is already using {data_dir}: stop it first, "
            "or set BOT_DATA_DIR to another folder."
        )


def test_configured_servers_are_used(
    data_dir: Path, empty_database_url: str, redis_url: str
) -> None:
    given = {"BOT_DATABASE_URL": empty_database_url, "BOT_REDIS_URL": redis_url}
    with started(data_dir, **given) as run:
        run.until("/admin/")
        assert {name: run.given("bot")[name] for name in given} == given
        assert run.given("worker")["WORKER_REDIS_URL"] == redis_url
        assert {"postgres", "valkey-server"}.isdisjoint(p.name() for p in run.family())


def test_a_taken_port(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(data_dir, BOT_PORT=str(port))
    assert f"Cannot listen on 127.0.0.1:{port}: it is in use" in said
    assert "BOT_PORT" in said


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    for wrong in (file, file / "data", Path("/proc/data")):
        said = refusal(wrong)
        assert said.startswith(f"Cannot write to {wrong}")
        assert "BOT_DATA_DIR" in said
    if os.geteuid() != 0:  # nothing is closed to root
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        assert refusal(closed / "data").startswith(f"Cannot write to {closed / 'data'}")


def test_a_database_that_is_not_there(data_dir: Path) -> None:
    said = refusal(data_dir, BOT_DATABASE_URL="postgresql://bot@127.0.0.1:1/bot")
    assert said.startswith("BOT_DATABASE_URL: Postgres at 127.0.0.1:1: the connection was refused")
    said = refusal(data_dir, BOT_DATABASE_URL="mysql://bot@127.0.0.1/bot")
    assert said == "BOT_DATABASE_URL: a postgresql:// URL is needed, not mysql://."


def test_configured_valkey_without_a_response_is_named(
    data_dir: Path, empty_database_url: str
) -> None:
    nobody = {"BOT_DATABASE_URL": empty_database_url, "BOT_REDIS_URL": "redis://127.0.0.1:1/0"}
    with started(data_dir, **nobody) as run:
        run.until("BOT_REDIS_URL does not answer")
        assert run.stop() == 0
    unreadable = refusal(data_dir, **{**nobody, "BOT_REDIS_URL": "sekret@nowhere"})
    assert unreadable == (
        "BOT_REDIS_URL: it cannot be read: redis://HOST:6379/0 is meant (rediss:// with TLS, "
        "unix:///PATH for a socket)."
    )


def test_a_wrong_setting_of_the_worker_is_told_before_anything_runs(data_dir: Path) -> None:
    said = refusal(data_dir, WORKER_SLOTS="0")
    assert said == "WORKER_SLOTS=0: a whole number from 1 to 1024 is needed."
    assert not (data_dir / "logs").exists()


def test_a_broken_secrets_file(data_dir: Path) -> None:
    (data_dir / "secrets.json").write_text('["', encoding="utf-8")
    assert "secrets.json cannot be read: delete it" in refusal(data_dir)


def in_namespace(script: str) -> list[str]:
    """A command prefix that runs ``script`` as root of a namespace of its own, then the rest."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*prefix, script], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system refuses user namespaces, so the fault cannot be made here")
    return [*prefix, f'{script} && exec "$@"', "sh"]


@pytest.mark.parametrize("megabytes", [1, 24])
def test_a_full_disk(tmp_path: Path, megabytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = in_namespace(f"mount -t tmpfs -o size={megabytes}m tmpfs '{disk}'")
    said = refusal(disk / "data", *small)
    assert said.startswith(f"No space left on the disk of {disk / 'data'}: free at least")


def test_root_where_user_namespaces_are_refused(data_dir: Path) -> None:
    closed = in_namespace("echo 0 > /proc/sys/user/max_user_namespaces")
    said = refusal(data_dir, *closed)
    assert "run this as an ordinary user, or set BOT_DATABASE_URL" in said
