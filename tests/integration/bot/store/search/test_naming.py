"""A person who is erased is named by no stored search, and nobody else loses one."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.fields import all_fields
from bot.domain.turns import Person
from bot.store.schema import exports, review_queues, saved_searches
from bot.store.search.naming import FIELDS, erase_searches
from tests.support.admin import add_user

PERSON = Person(messenger="slack", tenant="T1", sender="U12.3+(x)")
PSEUDONYM = "e66212f1"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("환불 사람:U12.3+(x)", "환불 사람:erased"),
        ('person:"U12.3+(x)" status:failed', "person:erased status:failed"),
        ("PERSON:e66212f1 -환불", "PERSON:erased -환불"),
        ("사용자:e66212f1", "사용자:erased"),
        ("사람:U12.3+(x)9", "사람:U12.3+(x)9"),
        ("사람:U12a3+(x)", "사람:U12a3+(x)"),
        ("U12.3+(x)", "U12.3+(x)"),
    ],
)
async def test_a_queue_finds_nobody_in_the_place_of_the_person(
    database: AsyncEngine, query: str, left: str
) -> None:
    user = await add_user(database, "김하나")
    async with database.begin() as connection:
        queue = {"name": "q", "query": query, "sampling": "all", "seed": 1, "created_by": user}
        await connection.execute(insert(review_queues).values(queue))
        erased = await erase_searches(connection, PERSON, PSEUDONYM)
        assert await connection.scalar(select(review_queues.c.query)) == left
    assert erased == (query != left)


async def test_a_saved_search_for_the_person_goes(database: AsyncEngine) -> None:
    queries = ("사람:U12.3+(x)", "사람:U12.3", "환불")
    async with database.begin() as connection:
        for query in queries:
            row = {"owner": "admin", "name": query, "query": query}
            await connection.execute(insert(saved_searches).values(row))
        assert await erase_searches(connection, PERSON, PSEUDONYM) == 1
        kept = (await connection.scalars(select(saved_searches.c.query))).all()
    assert set(kept) == set(queries[1:])


async def test_an_export_names_the_person_no_more(database: AsyncEngine) -> None:
    query = "q=%EC%82%AC%EB%9E%8C%3AU12.3%2B%28x%29+%ED%99%98%EB%B6%88&messenger=kakao"
    async with database.begin() as connection:
        row = {"author": "admin", "list": "turns", "query": query, "format": "csv"}
        row |= {"reason": "월간 점검", "language": "ko", "state": "waiting"}
        await connection.execute(insert(exports).values(row))
        await erase_searches(connection, PERSON, PSEUDONYM)
        left = await connection.scalar(select(exports.c.query))
    assert left == "q=%EC%82%AC%EB%9E%8C%3Aerased+%ED%99%98%EB%B6%88&messenger=kakao"


def test_every_name_of_the_field_for_people_is_known() -> None:
    [field] = [field for field in all_fields({}) if field.name == "person"]
    assert set(FIELDS) == set(field.names)
