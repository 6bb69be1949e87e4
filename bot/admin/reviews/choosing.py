"""The turns that a queue's query chooses: the search's own conditions, and what masking leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reviews.filling_times import Window
from bot.admin.reviews.sampling import (
    Candidate,
    FirstSampler,
    RandomSampler,
    Sampler,
    StratifiedSampler,
)
from bot.admin.search.compile import compile_query
from bot.admin.search.fields import all_fields
from bot.admin.search.query import parse
from bot.admin.turns.identities import find_identities
from bot.admin.turns.masked_excerpt import masked_excerpt
from bot.domain.reviews import MAX_ITEMS, Sampling
from bot.privacy.masking_thread import run_masking
from bot.store.reviews import candidates
from bot.store.reviews.candidates import FoundTurn, Selection
from bot.store.reviews.queues import Queue
from bot.store.schema import turns
from bot.store.search.words import Word

#: Turns masked at once: operators' pages wait for the same thread.
_MASKED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a filling looks for."""

    queue: Queue
    selection: Selection
    words: Sequence[Word]
    since: datetime
    until: datetime  #: exclusive
    now: datetime  #: what this filling has seen, once it is done

    @property
    def block_size(self) -> int:
        """Turns of one statement."""
        return candidates.WORDY_BLOCK if self.selection.with_texts else candidates.BLOCK

    async def visible(self, found: Sequence[FoundTurn]) -> list[Candidate]:
        """Those in which masking hides none of the words: a search does not find the others."""
        if self.words:
            kept: list[FoundTurn] = []
            for some in _batches(found):
                kept += await run_masking(partial(_with_words, some, self.words))
            found = kept
        return [Candidate(turn.id, turn.received_at, turn.stratum) for turn in found]


async def choose_query(
    database: AsyncEngine, queue: Queue, messengers: Mapping[str, str], window: Window
) -> Choice:
    """The choice of a queue's query for a window. Raises DATABASE_ERRORS."""
    query = parse(queue.query, all_fields(messengers))
    identities = await find_identities(database, query)
    criteria = compile_query(query, window.until, identities)
    since, until = max(window.since, criteria.since), min(window.until, criteria.until)
    in_range = (turns.c.received_at >= criteria.since, turns.c.received_at < criteria.until)
    selection = Selection(
        conditions=(*criteria.conditions, *in_range),
        strata=queue.strata,
        with_texts=bool(query.words),
    )
    return Choice(
        queue=queue,
        selection=selection,
        words=query.words,
        since=since,
        until=until,
        now=window.until,
    )


def sampler_for(queue: Queue) -> Sampler:
    """The sampler of the queue's kind."""
    size = min(queue.sample_size or MAX_ITEMS, MAX_ITEMS)
    if queue.sampling is Sampling.RANDOM:
        return RandomSampler(size, queue.seed)
    if queue.sampling is Sampling.STRATIFIED:
        return StratifiedSampler(size, queue.seed)
    return FirstSampler(size)


def _batches(found: Sequence[FoundTurn]) -> list[Sequence[FoundTurn]]:
    return [found[start : start + _MASKED] for start in range(0, len(found), _MASKED)]


def _with_words(found: Sequence[FoundTurn], words: Sequence[Word]) -> list[FoundTurn]:
    kept = []
    for turn in found:
        shown = (masked_excerpt(text, words) for text in (turn.text, turn.answer))
        if set().union(*(excerpt.words for excerpt in shown)).issuperset(words):
            kept.append(turn)
    return kept
