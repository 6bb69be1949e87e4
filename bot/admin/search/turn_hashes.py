"""The hashes under which the index keeps a turn: its bigrams, and the values of its fields.

A field's condition on the row and its hash say the same, at the time of indexing. Where the row may
have changed since without being queued (a delivery on its usual route), the query asks for no hash
that could be missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.deliveries import DeliveryState
from bot.privacy.masking import pseudonym
from bot.store.search.folding import grams
from bot.store.search.indexing import SettledText
from bot.store.search.keys import field_hash, gram_hash, size_hash

#: The hashed value of a turn that has no delivery.
NO_DELIVERY = "none"
#: Sizes of a number: eight for each power of two, up to three days in ms and 268 million tokens.
_STEPS, _MAX_SIZE = 8, 8 * 28
#: Delivered turns are found without a hash: nearly all are.
_UNHASHED = frozenset({DeliveryState.DELIVERED.value})


def turn_hashes(turn: SettledText) -> list[int]:
    """The distinct hashes of a settled turn."""
    words = grams(f"{turn.text}\n{turn.answer}" if turn.answer else turn.text)
    fields = (field_hash(name, value) for name, value in _fields(turn))
    sizes = (size_hash(name, _size(number)) for name, number in _numbers(turn))
    return list({*map(gram_hash, words), *fields, *sizes})


def sizes_between(field: str, low: float, high: float) -> tuple[int, ...]:
    """The hashes of all numbers from ``low`` to ``high``."""
    return tuple(size_hash(field, size) for size in range(_size(low), _size(high) + 1))


def _size(number: float) -> int:
    """Which of the ranges that grow by an eighth to a sixteenth the whole part falls into."""
    whole = int(min(max(number, 0), 2.0**40))
    power = max(whole.bit_length() - 4, 0)
    return min(power * _STEPS + (whole >> power), _MAX_SIZE)


def _fields(turn: SettledText) -> Iterator[tuple[str, str]]:
    yield "messenger", turn.messenger
    yield "tenant", turn.tenant
    yield "status", turn.status
    for value in {turn.sender, pseudonym(turn.messenger, turn.tenant, turn.sender)}:
        yield "person", value
    room = pseudonym(turn.messenger, turn.tenant, turn.conversation_key)
    for value in {turn.room, turn.conversation_key, room} - {""}:
        yield "room", value
    delivery = turn.delivery_state or NO_DELIVERY
    if delivery not in _UNHASHED:
        yield "delivery", delivery
    for vote in turn.votes:
        yield "feedback", vote
    for name in ("preset", "model", "finish_reason", "failure_reason", "config_version"):
        if (stored := getattr(turn, name)) is not None:
            yield name, str(stored)


def _numbers(turn: SettledText) -> Iterator[tuple[str, float]]:
    if turn.latency_ms is not None:
        yield "latency", turn.latency_ms
    if turn.prompt_tokens is not None or turn.completion_tokens is not None:
        yield "tokens", (turn.prompt_tokens or 0) + (turn.completion_tokens or 0)
