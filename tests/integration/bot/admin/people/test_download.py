"""The file of a person: everything that is kept, in UTF-8, streamed, audited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientError
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.domain.turns import Person
from bot.store import person_data
from bot.store.datasets import opt_outs
from tests.support.admin import Client, send
from tests.support.audit import logged
from tests.support.sample_turns import NOON, add_turn

PathOf = Callable[[Person], str]


async def downloaded(client: Client, path: str) -> dict[str, Any]:
    answer = await send(client, f"{path}/download", reason="열람 요청")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    raw = await answer.read()
    document: dict[str, Any] = json.loads(raw.decode("utf-8"))
    return document | {"raw": raw}


async def test_the_file_holds_what_is_kept_of_the_person_and_of_nobody_else(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    async with database.begin() as connection:
        for statement in (
            (
                "INSERT INTO feedback (turn_id, voter, vote, note)"
                " SELECT id, 'person-1', 'bad', '틀렸어요' FROM turns"
            ),
            (
                "INSERT INTO turn_pictures (turn_id, position, media_type, data)"
                " SELECT id, 0, 'image/png', '\\x00ff' FROM turns WHERE sender = 'person-1'"
            ),
            (
                "INSERT INTO conversation_events (conversation_id, kind, actor)"
                " SELECT id, 'human_called', 'person-1' FROM conversations"
            ),
            (
                "INSERT INTO delivery_attempts (turn_id, claim, via, state, claimed_at)"
                " SELECT id, 1, 'callback', 'delivered', now() FROM turns"
            ),
        ):
            await connection.execute(text(statement))
    found = await downloaded(operator, path_of(person))
    assert (found["messenger"], found["tenant"], found["sender"]) == ("kakao", "shop", "person-1")
    (turn,) = found["turns"]
    assert turn["question"] == "제 번호는 010-1234-5678이에요"
    assert turn["answer"] == "네, “확인”했어요 😀"
    assert turn["pictures"] == [{"media_type": "image/png", "base64": "AP8="}]
    assert (turn["delivery"], len(turn["attempts"])) == ("delivered", 1)
    assert len(found["conversations"]) == 1
    # Votes and calls in others' conversations are the person's, too.
    assert [vote["note"] for vote in found["votes"]] == ["틀렸어요"] * 2
    assert len(found["events"]) == 2
    assert "남의 것".encode() not in found["raw"]
    assert "😀".encode() in found["raw"]


async def test_the_file_says_that_the_person_is_left_out_of_training(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    async with database.begin() as connection:
        for key, reason in ((person.key, "본인 요청"), ("0" * 32, "남의 것")):
            await opt_outs.record(
                connection, person=key, pseudonym="ab12cd34", author="admin", reason=reason
            )
    found = await downloaded(operator, path_of(person))
    assert [one["reason"] for one in found["training_opt_out"]] == ["본인 요청"]


async def test_the_reason_is_asked_for_and_stands_in_the_log(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    assert (await send(operator, f"{path_of(person)}/download")).status == 400
    await downloaded(operator, path_of(person))
    (row,) = [r for r in await logged(database) if r.action == AuditAction.PERSON_EXPORTED]
    assert row.reason == "열람 요청"
    assert person.sender not in row.object + row.details


async def test_many_turns_come_each_once_in_small_statements(
    operator: Client, database: AsyncEngine, path_of: PathOf
) -> None:
    number = person_data.BATCH * 2 + 3
    for n in range(number):  # half of them at the same moment
        await add_turn(database, f"질문 {n}", received_at=NOON.replace(second=n // 2))
    person = Person(messenger="kakao", tenant="shop", sender="person-1")
    found = await downloaded(operator, path_of(person))
    assert sorted(turn["question"] for turn in found["turns"]) == sorted(
        f"질문 {n}" for n in range(number)
    )


async def test_a_person_of_whom_nothing_is_kept_gets_an_empty_file(
    operator: Client, path_of: PathOf
) -> None:
    found = await downloaded(operator, path_of(Person(messenger="kakao", tenant="", sender="없음")))
    assert all(found[section.name] == [] for section in person_data.SECTIONS)


async def test_two_downloads_at_once_are_enough(
    operator: Client, person: Person, path_of: PathOf
) -> None:
    path = f"{path_of(person)}/download"
    answers = await asyncio.gather(*(send(operator, path, reason="시험") for _ in range(8)))
    assert {answer.status for answer in answers} <= {200, 409}
    await asyncio.gather(*(answer.read() for answer in answers))
    assert (await send(operator, f"{path_of(person)}/download", reason="시험")).status == 200


async def test_a_failure_in_the_middle_breaks_the_download_off(
    operator: Client, person: Person, path_of: PathOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> list[person_data.Record]:
        raise InterfaceError("gone", None, Exception())

    monkeypatch.setattr(person_data, "read_some", failing)

    async def fetch() -> bytes:
        answer = await send(operator, f"{path_of(person)}/download", reason="시험")
        return await answer.read()

    with pytest.raises(ClientError):
        await fetch()
