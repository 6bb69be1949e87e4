"""The doctor's whole output on sound settings, and on one mistake at a time."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from bot.__main__ import main
from bot.doctor.local_run import FILE, LOCK, running_settings
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.bot_config import Scope
from bot.store import audit_log
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from onebox.data_dir import locked
from onebox.doctor_file import told_to_the_doctor
from runtime.database import connect_unpooled
from runtime.redis_client import connect_redis
from tests.integration.bot.admin.bot_settings.pages import publish_past_the_pages
from tests.support.audit import behind_its_back, logged

SECRET = "a-secret-of-more-than-32-characters!"
FREE = re.compile(r"^   ok  \d+ GB of disk are free\.$", re.MULTILINE)
POSTGRES = re.compile(r"Postgres 1[0-9][.0-9]* answers")

SOUND = """\
   ok  KakaoTalk: secret 1 is long enough.
 hint  Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md).
 hint  The generic webhook is off: set BOT_GENERIC_SECRET (see docs/generic.ko.md).
   ok  The dashboard has a password.
   ok  N GB of disk are free.
   ok  Postgres N answers.
   ok  The schema is up to date.
   ok  The audit log is empty.
   ok  Valkey/Redis answers.
   ok  Worker w1: ready. bllossom-8b

Nothing is wrong.
"""
SOUND_LINES = [line for line in SOUND.splitlines() if line.startswith("   ok")]
NO_URL = "`python -m bot serve` does not start without it (`make run` brings its own"
REFUSED = "the connection was refused: is it running, and is the port right?"


class Desk:
    """A folder, an environment, and the doctor in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)

    async def doctor(self) -> tuple[int, str]:
        """The exit status, and the output without what differs from machine to machine."""
        before = dict(os.environ)
        status = await asyncio.to_thread(main, ["doctor"])
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        said = self._capsys.readouterr().out  # type: ignore[attr-defined]
        said = FREE.sub("   ok  N GB of disk are free.", said)
        return status, POSTGRES.sub("Postgres N answers", said)


@pytest.fixture
async def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_url: str,
    redis_url: str,
) -> Desk:
    """Sound settings, and a worker that is ready."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("BOT_", "WORKER_"))]:
        monkeypatch.delenv(name)
    desk = Desk(tmp_path, monkeypatch, capsys)
    desk.set(
        BOT_KAKAO_SECRET=SECRET,
        BOT_ADMIN_PASSWORD="correct horse battery staple",
        BOT_DATABASE_URL=durable(database_url),
        BOT_REDIS_URL=redis_url,
    )
    await announce(redis_url, WorkerState.READY)
    return desk


def durable(url: str) -> str:
    """The test's server commits carelessly, which the doctor would tell."""
    return f"{url}&options=-csynchronous_commit%3Don"


async def announce(redis_url: str, state: WorkerState, detail: str = "") -> None:
    async with connect_redis(redis_url) as redis:
        status = WorkerStatus(id="w1", state=state, detail=detail, model="bllossom-8b")
        await Heartbeat(redis, worker="w1").publish(status)


async def test_sound_settings_are_called_sound(desk: Desk) -> None:
    assert await desk.doctor() == (0, SOUND)


@pytest.mark.parametrize(
    ("changes", "line", "in_place_of"),
    [
        (
            {"BOT_KAKAO_SECERT": "x"},
            "BOT_KAKAO_SECERT is not a setting: did you mean BOT_KAKAO_SECRET?",
            "",
        ),
        ({"WORKER_SLOTS": "0"}, "WORKER_SLOTS=0: a whole number from 1 to 1024 is needed.", ""),
        (
            {"WORKER_REDIS_URL": "localhost:6379"},
            (
                "WORKER_REDIS_URL: it cannot be read: redis://HOST:6379/0 is meant "
                "(rediss:// with TLS, unix:///PATH for a socket)."
            ),
            "",
        ),
        (
            {"BOT_KAKAO_SECRET": "short"},
            (
                "BOT_KAKAO_SECRET, secret 1, has fewer than 32 characters and can be "
                "guessed: use `openssl rand -hex 32`."
            ),
            "KakaoTalk: secret 1",
        ),
        (
            {"BOT_KAKAO_SECRET": ""},
            "No messenger is on: nobody can write to this bot.",
            "KakaoTalk",
        ),
        (
            {"BOT_ADMIN_PASSWORD": "short"},
            "BOT_ADMIN_PASSWORD has fewer than 12 characters.",
            "The dashboard has",
        ),
        (
            {"BOT_SIMULATOR": "true", "BOT_HOST": "0.0.0.0"},
            (
                "BOT_SIMULATOR is on and the bot listens beyond this machine: anybody "
                "could chat as anybody. Switch it off."
            ),
            "",
        ),
        (
            {"BOT_KAKAO_CALLBACK_HOSTS": "http://hooks.example"},
            "BOT_KAKAO_CALLBACK_HOSTS allows http://hooks.example without TLS.",
            "",
        ),
        ({"BOT_DATABASE_URL": ""}, f"BOT_DATABASE_URL is not set: {NO_URL} Postgres).", "Postgres"),
        (
            {"BOT_DATABASE_URL": "mysql://u:p@h/d"},
            "BOT_DATABASE_URL: a postgresql:// URL is needed, not mysql://.",
            "Postgres",
        ),
        (
            {"BOT_DATABASE_URL": "postgresql://u:p@h/d?sslmod=require"},
            (
                "BOT_DATABASE_URL: sslmod: Postgres URLs have no such parameter, or it "
                "has no use here."
            ),
            "Postgres",
        ),
        (
            {"BOT_DATABASE_URL": "postgresql://u:p@h/d?sslmode=strict"},
            (
                "BOT_DATABASE_URL: sslmode=strict: one of disable, allow, prefer, "
                "require, verify-ca, verify-full is needed."
            ),
            "Postgres",
        ),
        (
            {"BOT_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"},
            f"Postgres at 127.0.0.1:1: {REFUSED}",
            "Postgres",
        ),
        (
            {"BOT_DATABASE_URL": "postgresql://u:p@db.invalid/d"},
            (
                "Postgres at db.invalid:5432: there is no such host: is the name spelt "
                "right, and does DNS answer?"
            ),
            "Postgres",
        ),
        ({"BOT_REDIS_URL": ""}, f"BOT_REDIS_URL is not set: {NO_URL} Valkey).", "Valkey"),
        (
            {"BOT_REDIS_URL": "redis://127.0.0.1:1/0"},
            f"Valkey/Redis at 127.0.0.1:1: {REFUSED}",
            "Valkey",
        ),
        (
            {"BOT_REDIS_URL": "redis://127.0.0.1/0?ssl_cert_reqs=none"},
            "BOT_REDIS_URL: ssl_cert_reqs: it needs rediss:// instead of redis://.",
            "Valkey",
        ),
        (
            {"BOT_REDIS_URL": "redis://127.0.0.1:port/0"},
            (
                "BOT_REDIS_URL: its port is not a number (a password with : / ? # or @ "
                "needs them percent-encoded)."
            ),
            "Valkey",
        ),
    ],
)
async def test_one_mistake_is_one_line(
    desk: Desk, changes: dict[str, str], line: str, in_place_of: str
) -> None:
    """``in_place_of``: what the sound report says of the part that is wrong."""
    desk.set(**changes)
    status, said = await desk.doctor()
    report = said.splitlines()
    assert [one for one in report if one.startswith("WRONG")] == [f"WRONG  {line}"]
    lost = {"Postgres": ("Postgres", "The schema", "The audit log"), "Valkey": ("Valkey", "Worker")}
    words = lost.get(in_place_of, (in_place_of or "nothing",))
    kept = [one for one in SOUND_LINES if not one.startswith(tuple(f"   ok  {w}" for w in words))]
    assert [one for one in report if one.startswith("   ok")] == kept
    assert (status, report[-1]) == (1, "1 problem to fix.")


async def test_nothing_set_is_no_all_clear(desk: Desk) -> None:
    desk.set(BOT_KAKAO_SECRET="", BOT_ADMIN_PASSWORD="", BOT_DATABASE_URL="", BOT_REDIS_URL="")
    assert await desk.doctor() == (
        1,
        f"""\
 hint  KakaoTalk is off: set BOT_KAKAO_SECRET (see docs/kakao.ko.md).
 hint  Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md).
 hint  The generic webhook is off: set BOT_GENERIC_SECRET (see docs/generic.ko.md).
WRONG  No messenger is on: nobody can write to this bot.
 hint  The dashboard is closed: set BOT_ADMIN_PASSWORD to open it.
   ok  N GB of disk are free.
WRONG  BOT_DATABASE_URL is not set: {NO_URL} Postgres).
WRONG  BOT_REDIS_URL is not set: {NO_URL} Valkey).

3 problems to fix.
""",
    )


async def test_settings_that_cannot_be_read_are_findings(desk: Desk) -> None:
    desk.set(BOT_PORT="abc", BOT_LANGUAGE="fr", BOT_KAKAO_SYNC_BUDGET_S="9")
    assert await desk.doctor() == (
        1,
        """\
WRONG  BOT_PORT=abc: a whole number from 0 to 65535 is needed.
WRONG  BOT_LANGUAGE=fr: ko or en is needed.
WRONG  BOT_KAKAO_SYNC_BUDGET_S=9: a number from 0 to 4.8 is needed.

3 problems to fix.
""",
    )


async def test_the_file_is_read_as_the_programs_read_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOT_KAKAO_SECRET")
    (desk.folder / ".env").write_text(f"BOT_KAKAO_SECRET={SECRET}\nbot_kakao_secert=x\n")
    status, said = await desk.doctor()
    assert status == 1
    first, second, *_ = said.splitlines()
    assert first == (
        "WRONG  bot_kakao_secert in .env is not a setting: did you mean BOT_KAKAO_SECRET?"
    )
    assert second == "   ok  KakaoTalk: secret 1 is long enough."


async def test_a_file_in_another_encoding_is_told(desk: Desk) -> None:
    (desk.folder / ".env").write_bytes("BOT_SYSTEM_PROMPT=친절하게".encode("cp949"))
    status, said = await desk.doctor()
    assert status == 1
    assert "WRONG  .env: it is not UTF-8; save it in that encoding." in said.splitlines()


async def test_a_database_that_is_not_there_is_named(desk: Desk, database_url: str) -> None:
    absent = re.sub(r"/test_\d+\?", "/absent?", database_url)
    desk.set(BOT_DATABASE_URL=absent)
    status, said = await desk.doctor()
    [line] = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert (status, line.endswith('there is no database "absent".')) == (1, True)


async def test_a_database_that_takes_no_writes_is_told(desk: Desk, database_url: str) -> None:
    desk.set(BOT_DATABASE_URL=f"{durable(database_url)}%20-cdefault_transaction_read_only%3Don")
    status, said = await desk.doctor()
    assert status == 1
    assert "WRONG  The database takes no writes: it is a standby" in said


async def test_a_user_who_may_not_read_is_told(desk: Desk, database_url: str) -> None:
    async with connect_unpooled(database_url).connect() as connection:
        await connection.execute(text("DROP ROLE IF EXISTS stranger"))
        await connection.execute(text("CREATE ROLE stranger LOGIN"))
        await connection.commit()
    stranger = make_url(durable(database_url)).set(username="stranger")
    desk.set(BOT_DATABASE_URL=stranger.render_as_string(hide_password=False))
    status, said = await desk.doctor()
    assert status == 1
    assert "permission denied for table alembic_version: give the URL's user that right" in said


async def test_an_old_schema_is_told(desk: Desk, empty_database_url: str) -> None:
    desk.set(BOT_DATABASE_URL=durable(empty_database_url))
    status, said = await desk.doctor()
    [line] = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert status == 1
    assert line == (
        "WRONG  The schema is old: run `python -m bot migrate` (`make run` does it itself)."
    )


async def test_a_schema_that_lost_what_this_version_needs_is_told(
    desk: Desk, database_url: str
) -> None:
    engine = connect_unpooled(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        note = "COMMENT ON TABLE alembic_version IS 'works with programs of revision: 9999'"
        await connection.execute(text(note))
    await engine.dispose()
    status, said = await desk.doctor()
    [line] = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert (status, line.startswith("WRONG  The schema no longer has")) == (1, True)


async def test_workers_are_told_as_they_are(desk: Desk, redis_url: str) -> None:
    await announce(redis_url, WorkerState.LOADING, "waiting for the engine: 127.0.0.1:1 is silent")
    status, said = await desk.doctor()
    line = "WRONG  Worker w1: loading. bllossom-8b waiting for the engine: 127.0.0.1:1 is silent"
    assert (status, line in said.splitlines()) == (1, True)
    async with connect_redis(redis_url) as redis:
        await Heartbeat(redis, worker="w1").withdraw()
    status, said = await desk.doctor()
    line = "WRONG  No worker is running: start `python -m inference_worker`."
    assert (status, line in said.splitlines()) == (1, True)


async def test_beside_make_run_its_own_servers_are_examined(
    desk: Desk, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(os.environ)
    for name in ("BOT_DATABASE_URL", "BOT_REDIS_URL", "BOT_KAKAO_SECRET"):
        monkeypatch.delenv(name)
    data_dir = desk.folder / "data"
    with locked(data_dir, "onebox"), told_to_the_doctor(data_dir, given):
        assert (data_dir / FILE).stat().st_mode & 0o777 == 0o600
        assert "correct horse" not in (data_dir / FILE).read_text()  # somebody set it
        status, said = await desk.doctor()
        told = (
            "   ok  `make run` runs here: its servers, its worker and its secrets are examined.\n"
        )
        assert (status, said) == (0, told + SOUND)
        desk.set(BOT_REDIS_URL="redis://127.0.0.1:1/0")  # what is set counts
        assert "127.0.0.1:1: the connection was refused" in (await desk.doctor())[1]
    assert not (data_dir / FILE).exists()


async def test_what_a_killed_make_run_left_behind_is_not_believed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOT_REDIS_URL")
    data_dir = desk.folder / "data"
    data_dir.mkdir()
    (data_dir / FILE).write_text('{"BOT_REDIS_URL": "redis://127.0.0.1:1/0"}')
    (data_dir / LOCK).touch()
    status, said = await desk.doctor()
    assert f"WRONG  BOT_REDIS_URL is not set: {NO_URL} Valkey)." in said.splitlines()
    assert status == 1


@pytest.mark.parametrize("content", ["", "[]", "{", "\u00ff", "null"])
def test_a_file_that_is_none_of_ours_counts_as_absent(tmp_path: Path, content: str) -> None:
    with locked(tmp_path, "onebox"):
        (tmp_path / FILE).write_text(content)
        assert running_settings(tmp_path) == {}


async def test_the_audit_log_is_called_whole_with_its_last_hash_and_a_break_is_named(
    desk: Desk, database_url: str
) -> None:
    engine = connect_unpooled(database_url)
    entries = [AuditEntry(actor=f"user{n}", action=AuditAction.LOGIN) for n in range(3)]
    async with engine.begin() as connection:
        await audit_log.append(connection, entries)
    newest = (await logged(engine))[-1]
    _, said = await desk.doctor()
    whole = "The audit log's 3 rows are whole; the last, 3, has the hash"
    assert f"   ok  {whole} {newest.hash.hex()}.\n" in said
    await behind_its_back(engine, "UPDATE audit_log SET actor = 'x' WHERE seq = 2")
    await engine.dispose()
    status, said = await desk.doctor()
    [line] = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert status == 1
    assert line.startswith("WRONG  The audit log breaks at row 2: it was changed.")


JOB = """INSERT INTO background_jobs (id, batch_id, kind, payload, preset, created_at)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'generate', '{}', 'bllossom-3b', now() - %s)"""
RUN = """INSERT INTO retention_runs (started_at, updated_at, finished_at, turns)
    VALUES (now() - %s, now() - %s, %s, 1234)"""
CHANNEL = """INSERT INTO alert_channels (name, detail, failed_since)
    VALUES ('slack', 'HTTP 404', '2026-11-25 03:04+00')"""


@pytest.mark.parametrize(
    ("statement", "words", "status"),
    [
        (JOB % "interval '1 minute'", "   ok  1 background jobs wait, 0 run.", 0),
        (
            JOB % "interval '1 hour'",
            (
                "WRONG  1 background jobs wait, 0 run, and the oldest has waited for 60 minutes: "
                "start a worker with bllossom-3b, or stop the replay"
            ),
            1,
        ),
        (RUN % ("interval '1 hour'", "interval '1 hour'", "now()"), " ended: 1,234 turns.", 0),
        (RUN % ("interval '1 hour'", "interval '1 s'", "NULL"), " are under way: 1,234 turns.", 0),
        (
            RUN % ("interval '5 hours'", "interval '4 hours'", "NULL"),
            "have made no step for 4 hours: see retention in the bot's log.",
            1,
        ),
        (
            RUN % ("interval '3 days'", "interval '3 days'", "now() - interval '3 days'"),
            "old turns are kept for longer than their rules say. Is a bot running?",
            1,
        ),
        (
            CHANNEL,
            (
                "WRONG  Alerts have not reached slack since 2026-11-25 03:04 UTC (HTTP 404): check "
                "BOT_ALERT_SLACK_URL."
            ),
            1,
        ),
    ],
    ids=["lane", "stuck lane", "ended", "under way", "silent", "missed", "channel"],
)
async def test_what_a_bot_does_by_itself_is_told(
    desk: Desk, database_url: str, statement: str, words: str, status: int
) -> None:
    engine = connect_unpooled(database_url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
    found, said = await desk.doctor()
    assert words in said
    assert found == status


async def test_an_adapter_that_no_worker_has_is_told(
    desk: Desk, database_url: str, redis_url: str
) -> None:
    database = connect_unpooled(database_url)
    for scope, adapter in ((Scope("kakao", "b1"), "support"), (Scope("slack"), "none")):
        await publish_past_the_pages(database, scope, {"adapter": adapter})
    await database.dispose()
    status, said = await desk.doctor()
    assert status == 1
    missing = "The settings of kakao/b1 name the adapter support: no worker has it"
    assert missing in said
    async with connect_redis(redis_url) as redis:
        # The previous version has such names, and does not claim by them.
        older = WorkerStatus(id="w2", state=WorkerState.READY, model="m", adapter="support")
        await Heartbeat(redis, worker="w2").publish(older)
        assert missing in (await desk.doctor())[1]
        worker = WorkerStatus(
            id="w1", state=WorkerState.READY, model="m", adapters=("support",), by_adapters=True
        )
        await Heartbeat(redis, worker="w1").publish(worker)
        status, said = await desk.doctor()
        assert status == 0
        assert "It answers with the adapters support." in said
        assert "name the adapter support, which a worker has." in said
