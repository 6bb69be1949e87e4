"""A generated log of Korean conversations: words of Zipf's law, turns of about 144 characters.

Words are two to four syllables with a particle or an ending, as spoken Korean has them. The n-th
word of the vocabulary is said about 1/n as often as the first, so every rarity can be asked for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from bot.store.search.indexing import SettledText

#: Changes with what is generated: an older log is made anew.
VERSION = 3
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
#: The time that the log spans.
_SPAN = timedelta(days=120)

VOCABULARY = 60_000
_EXPONENT = 1.05
_PARTICLES = ("", "", "은", "는", "이", "가", "을", "를", "에", "에서", "으로", "하고", "입니다",
              "해요", "하세요", "했는데", "됩니다", "인가요?", "주세요.", "합니다.")  # fmt: skip
_QUESTION_WORDS, _ANSWER_WORDS = (4, 12), (14, 26)
_PEOPLE, _ROOMS = 20_000, 30_000
_MESSENGERS = ("kakao",) * 5 + ("slack",) * 4 + ("generic",)
_MODELS = ("MLP-KTLim/llama-3-Korean-Bllossom-8B",) * 9 + ("bllossom-demo",)
_STATUSES = (("answered", 0.955), ("failed", 0.005), ("expired", 0.01), ("cancelled", 0.005),
             ("merged", 0.025))  # fmt: skip
_DELIVERIES = (("delivered", 0.97), ("expired", 0.015), ("failed", 0.004), ("unconfirmed", 0.003),
               ("held", 0.003), ("none", 0.005))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words from the most to the least common, and the sums of their weights."""

    words: tuple[str, ...]
    weights: tuple[float, ...]


def vocabulary() -> Vocabulary:
    """The same words in every run, each once, of syllables that are common and rare as well."""
    rng = random.Random(17)
    syllables = [chr(code) for code in range(0xAC00, 0xAC00 + 11_172)]
    rng.shuffle(syllables)
    common = list(accumulate(1 / (rank + 20) for rank in range(1, 1_201)))
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        length = rng.choices((2, 3, 4), (6, 3, 1))[0]
        words["".join(rng.choices(syllables[:1_200], cum_weights=common, k=length))] = None
    weights = accumulate(1 / rank**_EXPONENT for rank in range(1, VOCABULARY + 1))
    return Vocabulary(tuple(words), tuple(weights))


def turns(count: int) -> Iterator[SettledText]:
    """That many turns, oldest first; every run makes the same."""
    rng = random.Random(4)
    known = vocabulary()
    step = _SPAN / count
    for number in range(count):
        status = _chosen(rng, _STATUSES)
        answered = status == "answered"
        person, messenger = int(_PEOPLE * rng.random() ** 2), _MESSENGERS[rng.randrange(10)]
        yield SettledText(
            id=UUID(int=rng.getrandbits(128)),
            received_at=NEWEST - _SPAN + step * number,
            text=_text(rng, known, *_QUESTION_WORDS),
            answer=_text(rng, known, *_ANSWER_WORDS) if answered else None,
            messenger=messenger,
            tenant=f"T{person % 25}",
            sender=f"U{person}",
            room=f"C{person % 300}" if messenger == "slack" else "",
            conversation_key=f"K{person * 7 % _ROOMS}",
            status=status,
            preset="bllossom-8b" if rng.random() < 0.98 else "bllossom-demo",
            model=_MODELS[rng.randrange(10)] if answered else None,
            finish_reason=_finish(rng) if answered else None,
            failure_reason=rng.choice(("engine_error", "out_of_memory"))
            if status == "failed"
            else None,
            config_version=rng.choice((1, 1, 1, 2, 3)),
            prompt_tokens=rng.randrange(80, 1_500) if answered else None,
            completion_tokens=rng.randrange(20, 400) if answered else None,
            latency_ms=rng.lognormvariate(8, 0.8),
            delivery_state=None if status == "merged" else _delivery(rng),
            votes=("bad",) if rng.random() < 0.003 else (),
        )


def _finish(rng: random.Random) -> str:
    return "stop" if rng.random() < 0.96 else rng.choice(("length", "deadline", "repetition"))


def _delivery(rng: random.Random) -> str | None:
    state = _chosen(rng, _DELIVERIES)
    return None if state == "none" else state


def _text(rng: random.Random, known: Vocabulary, fewest: int, most: int) -> str:
    words = rng.choices(known.words, cum_weights=known.weights, k=rng.randrange(fewest, most))
    particles = rng.choices(_PARTICLES, k=len(words))
    return " ".join(map("".join, zip(words, particles, strict=True)))


def _chosen(rng: random.Random, shares: tuple[tuple[str, float], ...]) -> str:
    place = rng.random()
    for value, share in shares:
        if (place := place - share) < 0:
            return value
    return shares[0][0]
