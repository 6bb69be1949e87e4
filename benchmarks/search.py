"""The search of the dashboard over a log of generated Korean turns, against LIKE without the index.

A search is everything between the text of the box and the rows of the page: reading it, Postgres,
masking. Words are asked for by how often they are said: every query of a kind has another one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure, median, percentile, say
from benchmarks.korean_log import vocabulary
from benchmarks.search_cost import index_cost
from benchmarks.search_log import running_log
from bot.admin.search.fields import all_fields
from bot.admin.search.query import parse
from bot.admin.turns.listing import list_items
from runtime.database import connect_database

LABELS = {"kakao": "카카오톡", "slack": "Slack", "generic": "사내 메신저"}
FIELDS = all_fields(LABELS)
GOAL = "LIKE without the index; goal 150 ms"

#: Makes the text of the box.
Box = Callable[[random.Random], str]

#: By the ranks of their words in the vocabulary.
_RANKS = {"common": (20, 120), "middling": (2_000, 4_000), "rare": (40_000, 60_000)}

LIKE = text(
    """
    SELECT id FROM turns WHERE text LIKE :pattern OR answer LIKE :pattern
    ORDER BY received_at DESC, id DESC LIMIT 51
    """
)


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    turns: int = 1_000_000
    searches: int = 40  #: of each kind
    compared: int = 3  #: of them with LIKE as well
    costed: int = 4_000  #: turns whose indexing is measured


async def bench(size: Size) -> list[Figure]:
    """Each kind of search, then what the index costs."""
    async with running_log(size.turns) as postgres:
        database = connect_database(postgres.url, pool_size=4)
        try:
            figures = [
                figure
                for kind, box in KINDS.items()
                for figure in await measure(database, kind, box, size)
            ]
            say("search: what the index costs ...")
            return [*figures, *await index_cost(postgres, database, size.costed)]
        finally:
            await database.dispose()


async def measure(database: AsyncEngine, kind: str, box: Box, size: Size) -> list[Figure]:
    """The searches of a kind, each with another word."""
    rng = random.Random(kind)
    boxes = [box(rng) for _ in range(size.searches)]
    await _search_ms(database, boxes[0])
    took = [await _search_ms(database, one) for one in boxes]
    compared = boxes[: size.compared] if kind in _WORDS else []
    like = [await _like_ms(database, one) for one in compared]
    p95 = percentile(took, 95)
    say(f"search {kind}: p50 {median(took):.1f}, p95 {p95:.1f} ms; LIKE {median(like):.0f} ms")
    ratio = p95 / median(like) if like else None
    return [Figure(f"search p95 {kind}", p95, "ms", GOAL if like else "goal 150 ms", ratio)]


async def _search_ms(database: AsyncEngine, box: str) -> float:
    began = time.perf_counter()
    query = parse(box, FIELDS)
    if query.problems:
        raise ValueError(query.problems)
    await list_items(database, query, None, LABELS)
    return (time.perf_counter() - began) * 1000


async def _like_ms(database: AsyncEngine, word: str) -> float:
    async with database.connect() as connection:
        began = time.perf_counter()
        await connection.execute(LIKE, {"pattern": f"%{word}%"})
        return (time.perf_counter() - began) * 1000


def _word(frequency: str, length: int = 2) -> Box:
    first, last = _RANKS[frequency]
    known = [word for word in _VOCABULARY.words[first:last] if len(word) == length]
    return lambda rng: rng.choice(known)


def _unsaid(rng: random.Random) -> str:
    return "".join(rng.choices("갂뢕쀍뜷쮕햏", k=2))


def _plus(first: Box, *terms: str) -> Box:
    return lambda rng: " ".join((first(rng), *terms))


def _both(first: Box, second: Box) -> Box:
    return lambda rng: f"{first(rng)} {second(rng)}"


def _either(*terms: str) -> Box:
    return lambda rng: rng.choice(terms)


def _initials(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ", k=length))


_VOCABULARY = vocabulary()
_COMMON = _word("common")
_WORDS: dict[str, Box] = {
    "common word": _COMMON,
    "middling word": _word("middling"),
    "rare word": _word("rare"),
    "word nobody said": _unsaid,
    "word of three syllables": _word("middling", 3),
}
_FILTERS: dict[str, Box] = {
    "messenger": _either("메신저:kakao", "메신저:slack", "메신저:generic"),
    "tenant": lambda rng: f"작업공간:T{rng.randrange(25)}",
    "room": lambda rng: f"방:C{rng.randrange(300)}",
    "person": lambda rng: f"사용자:U{rng.randrange(20_000)}",
    "status": _either("상태:failed", "상태:expired", "상태:merged", "상태:answered"),
    "delivery": _either("전달:failed", "전달:dead", "전달:held", "전달:expired", "전달:delivered"),
    "no delivery": lambda _: "전달:none",
    "model": _either("모델:bllossom-demo", "모델:MLP-KTLim/llama-3-Korean-Bllossom-8B"),
    "preset": _either("프리셋:bllossom-demo", "프리셋:bllossom-8b"),
    "config": _either("설정:1", "설정:2", "설정:3", "설정:99"),
    "latency": _either("시간:>30s", "시간:>90s", "시간:<500ms"),
    "tokens": _either("토큰:>1800", "토큰:<110", "토큰:1000"),
    "feedback": _either("평가:bad", "평가:good"),
    "failure": _either("실패:out_of_memory", "실패:engine_error", "실패:expired"),
    "finish": _either("종료:length", "종료:repetition", "종료:stop"),
    "date": _either("날짜:2026-08-01", "날짜:2026-09-15..2026-09-20", "날짜:2020-01"),
}
KINDS: dict[str, Box] = {
    "newest": lambda _: "",
    **_WORDS,
    "two common words": lambda rng: f"{_COMMON(rng)} {_COMMON(rng)}",
    "common and rare word": lambda rng: f"{_COMMON(rng)} {_word('rare')(rng)}",
    "phrase in quotes": lambda rng: f'"{_COMMON(rng)}는 {_COMMON(rng)}"',
    "common word, old range": _plus(_COMMON, "날짜:2026-07-10..2026-07-20"),
    "rare word, old range": _plus(_word("rare"), "날짜:2026-07-10..2026-07-20"),
    **{
        f"common word, {name}": _both(_COMMON, term)
        for name, term in _FILTERS.items() if name != "date"
    },
    **{f"{name} alone": term for name, term in _FILTERS.items()},
    "one syllable": lambda rng: _COMMON(rng)[0],
    "one syllable nobody said": _either("갂", "뢕", "쀍"),
    "two initials": lambda rng: _initials(rng, 2),
    "five initials": lambda rng: _initials(rng, 5),
}  # fmt: skip
#: By reviews, which the generated log has none of: ``pages`` measures them over its own.
REVIEWED: dict[str, Box] = {
    "review verdict": _either("검토:bad", "검토:good"),
    "review reason": lambda _: "검토:wrong",
    "review open": lambda _: "검토:open",
    "review disputed": lambda _: "검토:disputed",
    "review corrected": lambda _: "검토:corrected",
    "review decided": lambda _: "검토:decided",
    "common word, review": _both(_COMMON, _either("검토:bad", "검토:disputed", "검토:open")),
    "rare word, review": _both(_word("rare"), _either("검토:good", "검토:open")),
}
