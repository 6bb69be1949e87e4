"""``python -m bot config`` as an engineer types it, against a real database."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import text

from bot.__main__ import main
from runtime.database import connect_unpooled

TENANT = ("--messenger", "kakao", "--tenant", "b1")
ROOM = ("--messenger", "slack", "--tenant", "T1", "--room", "C1")


@dataclass(frozen=True)
class Said:
    """What one run printed."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Engineer:
    """Somebody with a shell and the bot's environment."""

    url: str
    folder: Path

    async def types(self, *words: str, stdin: bytes = b"", **environment: str) -> Said:
        """Run the command in this process: to start one takes a second each time."""
        return await asyncio.to_thread(self._run, words, stdin, environment)

    async def types_in_a_shell(self, *words: str) -> Said:
        """Run the command in a process of its own."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "config", *words),
            cwd=self.folder,
            env=os.environ | self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Said(process.returncode or 0, out.decode(), err.decode())

    @property
    def _environment(self) -> dict[str, str]:
        root = str(Path(__file__).parents[4])
        return {"BOT_DATABASE_URL": self.url, "PYTHONPATH": root, "PYTHONUTF8": "1"}

    def _run(self, words: Sequence[str], stdin: bytes, environment: dict[str, str]) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self._environment | environment),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                status = main(["config", *words])
            except SystemExit as error:
                status = int(error.code or 0)
        return Said(status, out.getvalue(), err.getvalue())

    async def executes(self, statement: str) -> None:
        database = connect_unpooled(self.url)
        async with database.begin() as connection:
            await connection.execute(text(statement))
        await database.dispose()


@pytest.fixture
def engineer(database_url: str, tmp_path: Path) -> Engineer:
    return Engineer(database_url, tmp_path)


async def test_a_change_is_shown_with_its_version_and_kept_in_the_history(
    engineer: Engineer,
) -> None:
    (engineer.folder / "prompt.txt").write_text("너는 가나 은행의 상담원이야.\n존댓말로 답해.\n")
    first = await engineer.types_in_a_shell(
        "set", *TENANT, "system_prompt=@prompt.txt", "ai_notice=off", "--author", "지우"
    )
    assert (first.status, first.err) == (0, "")
    assert first.out.splitlines()[0].startswith("kakao/b1: version 1, 20")
    assert first.out.splitlines()[0].endswith(" UTC by 지우")
    assert first.out.splitlines()[1:] == [
        "  + ai_notice = false",
        "  + system_prompt = 너는 가나 은행의 상담원이야.",
        "                    존댓말로 답해.",
    ]
    second = await engineer.types(
        "set", *TENANT, "ai_notice=", "system_prompt=-", stdin="짧게\n".encode()
    )
    assert [line for line in second.out.splitlines()[1:] if "존댓말" not in line] == [
        "  - ai_notice = false",
        "  - system_prompt = 너는 가나 은행의 상담원이야.",
        "  + system_prompt = 짧게",
    ]
    history = (await engineer.types("history", *TENANT, "--json")).document
    assert [row["version"] for row in history] == [2, 1]
    assert history[1]["author"] == "지우"
    assert history[0]["values"] == {"system_prompt": "짧게"}
    assert history[0]["changed"]["ai_notice"] == {"before": False, "after": None}
    everything = await engineer.types("history", *TENANT, "--limit", str(2**63 - 1))
    assert (everything.status, everything.err) == (0, "")
    newest = await engineer.types("history", *TENANT, "--limit", "1")
    assert newest.out == second.out


async def test_show_merges_the_scopes_and_says_which_one_sets_a_value(engineer: Engineer) -> None:
    for scope, assignment in [
        ((), "history_turns=9"),
        (("--messenger", "slack"), "history_turns=5"),
        (ROOM[:4], "texts.about=티원의 챗봇"),
        (ROOM, "thread_rule=never"),
        (TENANT, "preset=demo"),
    ]:
        assert (await engineer.types("set", *scope, assignment)).status == 0
    said = await engineer.types("show", *ROOM)
    assert said.out.splitlines() == [
        "slack/T1/C1: version 4",
        "  history_turns  5  [slack, version 2]",
        "  texts.about    티원의 챗봇  [slack/T1, version 3]",
        "  thread_rule    never  [slack/T1/C1, version 4]",
    ]
    earlier = (await engineer.types("show", *ROOM, "--version", "2", "--json")).document
    assert (earlier["version"], earlier["values"]) == (2, {"history_turns": 5})
    assert earlier["sources"]["history_turns"]["scope"]["messenger"] == "slack"


async def test_setting_what_is_set_adds_no_version(engineer: Engineer) -> None:
    await engineer.types("set", "preset=demo")
    again = await engineer.types("set", "preset=demo", "ai_notice=")
    assert (again.status, again.out) == (0, "all: nothing changed, as it has these values.\n")
    assert len((await engineer.types("history", "--json")).document) == 1


async def test_an_old_version_comes_back_as_a_new_one(engineer: Engineer) -> None:
    await engineer.types("set", *TENANT, "preset=demo")
    await engineer.types("set", *TENANT, "preset=auto", "history_turns=1", "--note", "길다")
    back = await engineer.types("rollback", *TENANT, "1", "--note", "틀렸음", "--author", "kim")
    head, *changed = back.out.splitlines()
    assert head.startswith("kakao/b1: version 3, ")
    assert head.endswith(" by kim, equal to version 1")
    assert changed == [
        "  # 틀렸음",
        "  - history_turns = 1",
        "  - preset = auto",
        "  + preset = demo",
    ]
    [newest, *_] = (await engineer.types("history", *TENANT, "--json")).document
    assert (newest["values"], newest["note"], newest["restores"]) == (
        {"preset": "demo"},
        "틀렸음",
        1,
    )
    again = await engineer.types("rollback", *TENANT, "1")
    assert again.out == "kakao/b1: nothing changed, as it has these values.\n"
    missing = await engineer.types("rollback", *TENANT, "9")
    assert (missing.status, missing.err) == (1, "kakao/b1 never had version 9.\n")


async def test_a_scope_without_settings_says_so(engineer: Engineer) -> None:
    shown = await engineer.types("show", *TENANT)
    assert shown.out == (
        "kakao/b1: no version\n  nothing is set here: the environment's settings count\n"
    )
    assert (await engineer.types("history", *TENANT)).out == (
        "kakao/b1: nothing was ever set here.\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["set", "preset=nope"],
            "preset: one of auto, bllossom-8b, llama3-bllossom, ",
        ),
        (["set", "tone=warm"], "tone: no such key; there are system_prompt, preset"),
        (["set", "preset"], "preset: KEY=VALUE is needed, or KEY= to unset it."),
        (["set", "preset=demo", "preset=auto"], "preset is set twice."),
        (["set", "system_prompt=@gone.txt"], "system_prompt: No such file or directory."),
        (["set", "system_prompt=@latin.txt"], "system_prompt: it is not UTF-8"),
        (["set", "system_prompt=@large.txt"], "system_prompt: more than 100,000 bytes."),
        (["set", "--tenant", "b1", "preset=demo"], "--tenant needs --messenger."),
        (["show", "--messenger", "line"], "--messenger is one of kakao, slack, generic."),
        (["show", "--messenger", "slack", "--room", "C1"], "--room needs --tenant."),
    ],
)
async def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    engineer: Engineer, words: list[str], sentence: str
) -> None:
    (engineer.folder / "latin.txt").write_bytes("너는".encode("cp949"))
    (engineer.folder / "large.txt").write_bytes(b"a" * 100_001)
    said = await engineer.types(*words)
    assert said.status == 1
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1
    assert (await engineer.types("history", "--json")).document == []


async def test_a_key_of_a_newer_version_survives_a_change_by_this_one(engineer: Engineer) -> None:
    await engineer.executes(
        """INSERT INTO bot_configs ("values") VALUES ('{"tone": "warm", "preset": "new-70b"}')"""
    )
    assert (await engineer.types("set", "history_turns=2")).status == 0
    shown = (await engineer.types("show", "--json")).document
    assert shown["values"] == {"history_turns": 2}
    assert set(shown["ignored"]) == {"tone", "preset"}
    [newest, _] = (await engineer.types("history", "--json")).document
    assert newest["values"] == {"tone": "warm", "preset": "new-70b", "history_turns": 2}
    await engineer.types("set", "tone=")
    assert "tone" not in (await engineer.types("show", "--json")).document["ignored"]


async def test_changes_at_the_same_time_are_all_kept(engineer: Engineer) -> None:
    assignments = ["preset=demo", "ai_notice=no", "history_turns=1", "max_new_tokens=9"]
    said = await asyncio.gather(*(engineer.types_in_a_shell("set", one) for one in assignments))
    assert [one.status for one in said] == [0, 0, 0, 0]
    shown = (await engineer.types("show", "--json")).document
    assert len(shown["values"]) == 4
    assert shown["version"] == 4


async def test_a_database_without_the_table_asks_for_the_migration(
    empty_database_url: str, tmp_path: Path
) -> None:
    said = await Engineer(empty_database_url, tmp_path).types("show")
    assert said.status == 1
    assert said.err.endswith("Was `python -m bot migrate` run?\n")


async def test_a_database_that_is_away_is_named_in_one_sentence(tmp_path: Path) -> None:
    away = Engineer("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    said = await away.types("show")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("BOT_DATABASE_URL: ")
    assert said.err.count("\n") == 1
    unset = await away.types("show", BOT_DATABASE_URL="")
    assert unset.err == "BOT_DATABASE_URL is not set: where are the settings?\n"
