"""A judged turn with what stands around it, read for a whole page of turns at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import CountingVerdict, Verdict
from bot.store.datasets import opt_outs, sources
from bot.store.datasets.sources import Exchange, Merged
from bot.store.reviews.judged_turns import read_judged
from bot.store.whole_turns import WholeTurn, whole_turns

#: Points of a reviewer's verdict, and of people's votes: the verdict counts more.
_VERDICT, _VOTES = 2, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A turn with the judgements of its answer."""

    turn: WholeTurn
    verdict: CountingVerdict | None

    @property
    def correction(self) -> str:
        """The answer as it should have been; empty: nobody wrote it."""
        return (self.verdict.correction or "").strip() if self.verdict else ""

    @property
    def is_reviewed(self) -> bool:
        """Whether reviewers have said something, whatever counts of it."""
        return self.verdict is not None and self.verdict.reviews > 0

    @property
    def score(self) -> int:
        """Above 0: good, by reviewers or else by votes; below: bad; 0: nobody knows."""
        if self.verdict and self.verdict.verdict:
            return _VERDICT if self.verdict.verdict is Verdict.GOOD else -_VERDICT
        if self.is_reviewed:
            return 0
        votes = self.turn.good_votes - self.turn.bad_votes
        return _VOTES * ((votes > 0) - (votes < 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A turn, the answer that it replaced, and what was said before."""

    answered: Answered
    replaced: Answered | None
    history: Sequence[Exchange]  #: the newest first
    merged: Sequence[Merged]  #: messages that were answered with it, the oldest first
    is_borrowed: bool  #: somebody else asked the question first
    opted_out: bool

    @property
    def turn(self) -> WholeTurn:
        """The turn itself."""
        return self.answered.turn


async def read_page(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Judged]:
    """These turns, in their order; one that is gone is left out."""
    turns = dict(await whole_turns(connection, ids))
    replaced = [turn.regenerates for turn in turns.values() if turn.regenerates]
    turns |= await whole_turns(connection, [one for one in replaced if one not in turns])
    answered = await _answered(connection, turns)
    listed = [turns[turn_id] for turn_id in ids if turn_id in turns]
    around = await _read_around(connection, listed)
    return [
        Judged(
            answered=answered[turn.id],
            replaced=answered.get(turn.regenerates) if turn.regenerates else None,
            history=around.history(turn.id),
            merged=around.merged.get(turn.id, ()),
            is_borrowed=turn.id in around.borrowed,
            opted_out=turn.person.key in around.opted_out,
        )
        for turn in listed
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What stands around the turns of a page."""

    histories: Mapping[UUID, Sequence[Exchange]]
    merged: Mapping[UUID, Sequence[Merged]]
    borrowed: set[UUID]  #: of the turns and their histories
    opted_out: set[str]

    def history(self, turn_id: UUID) -> list[Exchange]:
        """The exchanges before a turn, the newest first."""
        found = self.histories.get(turn_id, ())
        return [replace(one, is_mixed=one.is_mixed or one.id in self.borrowed) for one in found]


async def _read_around(connection: AsyncConnection, turns: Sequence[WholeTurn]) -> _Around:
    ids = [turn.id for turn in turns]
    histories = await sources.histories(connection, ids)
    earlier = {one.id for history in histories.values() for one in history}
    return _Around(
        histories=histories,
        merged=await sources.merged(connection, [turn.id for turn in turns if turn.prompt]),
        borrowed=await sources.borrowed(connection, [*ids, *earlier]),
        opted_out=await opt_outs.among(connection, {turn.person.key for turn in turns}),
    )


async def _answered(
    connection: AsyncConnection, turns: Mapping[UUID, WholeTurn]
) -> dict[UUID, Answered]:
    verdicts = await read_judged(connection, turns)
    return {
        turn_id: Answered(turn=turn, verdict=verdicts.get(turn_id))
        for turn_id, turn in turns.items()
    }
