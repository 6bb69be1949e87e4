import unicodedata

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.store.schema import turns
from bot.store.search.words import Word
from tests.support.sample_turns import add_turn

FOUND: dict[str, set[str]] = {
    "환불": {"환불 규정 알려 주세요", "배송은요?"},
    "환불규정": {"환불 규정 알려 주세요"},
    "환불 규정": {"환불 규정 알려 주세요"},
    "불규": {"환불 규정 알려 주세요", "불규칙한 환전"},
    unicodedata.normalize("NFD", "환불 규정"): {"환불 규정 알려 주세요"},
    "order abc": {"줄을\n바꾼 Order ABC"},
    "줄을 바꾼": {"줄을\n바꾼 Order ABC"},
    "0%": {"100% 할인 쿠폰 A_B"},
    "a_b": {"100% 할인 쿠폰 A_B"},
    "%%": set(),
    "100": {"100% 할인 쿠폰 A_B", "100원 할인 쿠폰 AxB"},
    "\\": set(),
    "/": set(),
    "통관": {"옛 통관"},
    "통": {"옛 통관"},
    "ㅎㅂ": {"환불 규정 알려 주세요", "배송은요?"},
    "환ㅂ": {"환불 규정 알려 주세요", "배송은요?"},
    "ㅂㄱㅊ": {"불규칙한 환전"},
    "배송 환불": {"배송은요?"},
    "ㅋㅋ": set(),
    "쿠": {"100% 할인 쿠폰 A_B", "100원 할인 쿠폰 AxB"},
    "%": {"100% 할인 쿠폰 A_B"},
    "_": {"100% 할인 쿠폰 A_B"},
    "없는말": set(),
    "*": set(),
    "***:.": set(),
    ".*": set(),
    "[환불": set(),
    "(?i)": set(),
    "\\d\\d": set(),
    "🎉": set(),
    "é́̂": set(),
    "िा": set(),
    "가" * 200: set(),
    ".[" * 100: set(),
}


async def test_query_finds_matching_turns(database_url: str) -> None:
    engine = create_async_engine(database_url)
    await _fill(engine)
    async with engine.connect() as connection:
        found = {query: await _texts(connection, query) for query in FOUND}
    await engine.dispose()
    assert found == FOUND


async def _fill(engine: AsyncEngine) -> None:
    await add_turn(engine, "환불 규정 알려 주세요", "7일 안에 됩니다", key="a")
    await add_turn(engine, "배송은요?", "환불은 배송 뒤에 됩니다", key="b")
    await add_turn(engine, "불규칙한 환전", "규정 없음", key="c")
    await add_turn(engine, "100% 할인 쿠폰 A_B", None, key="d")
    await add_turn(engine, "100원 할인 쿠폰 AxB", None, key="e")
    await add_turn(engine, "줄을\n바꾼 Order ABC", None, key="f")
    await add_turn(engine, "옛 통관", None, key="g")


async def _texts(connection: AsyncConnection, query: str) -> set[str]:
    words = [Word(word) for word in dict.fromkeys(query.replace("\0", "").split())]
    condition = and_(*(word.condition(turns.c.text, turns.c.answer) for word in words))
    return set((await connection.execute(select(turns.c.text).where(condition))).scalars())
