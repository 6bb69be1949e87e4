"""Reviewers' judgements of answers.

A judgement is good, or bad for one reason at least. The reasons are those that people choose from
when they vote, so that both can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from bot.domain.feedback import Reason


class Verdict(StrEnum):
    """What a reviewer says of an answer as a whole."""

    GOOD = "good"
    BAD = "bad"


class Sampling(StrEnum):
    """Which of the turns that a queue's query finds are put into it."""

    ALL = "all"  #: the newest, up to MAX_ITEMS
    RANDOM = "random"  #: each with the same chance
    STRATIFIED = "stratified"  #: of each stratum the same number, as far as it has them


class Strata(StrEnum):
    """What a stratified sample tells apart."""

    MESSENGER = "messenger"
    MESSENGER_STATUS = "messenger_status"
    PRESET = "preset"
    REASON = "reason"  #: the first reason of people's votes; none: good votes and no votes


#: In one queue, over its whole life.
MAX_ITEMS = 10_000
MAX_REVIEWERS_PER_TURN = 9
MAX_RESERVATION_MINUTES = 240

#: In code points.
MAX_QUEUE_NAME_CHARS = 60
MAX_REVIEW_NOTE_CHARS = 1000
MAX_CORRECTION_CHARS = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was said of an answer; a bad one has reasons, a good one neither these nor a text."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    correction: str | None = None  #: the answer as it should have been


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingVerdict:
    """What counts of all that was said of one turn's answer (decision 0038)."""

    turn_id: UUID
    verdict: Verdict | None  #: None: as many say good as bad, and nobody has decided
    reasons: tuple[Reason, ...]
    correction: str | None
    authoritative: bool  #: an adjudicator said it, not the majority
    disputed: bool  #: reviewers differ, and no adjudicator has decided
    reviews: int  #: those that say good or bad


def count_judgements(
    turn_id: UUID, judgements: Sequence[Judgement], decided: Judgement | None
) -> CountingVerdict:
    """What counts of the reviewers' judgements, oldest first, and of an adjudicator's.

    The adjudicator's counts as it is. Else the verdict of more than half of the reviewers counts,
    with the reasons that half of these name at least, and the newest correction of theirs.
    """
    bad = sum(judgement.verdict is Verdict.BAD for judgement in judgements)
    good = len(judgements) - bad
    verdict = _majority(good, bad) if decided is None else decided.verdict
    agreeing = [one for one in judgements if one.verdict is verdict] if decided is None else []
    corrections = [one.correction for one in agreeing if one.correction is not None]
    return CountingVerdict(
        turn_id=turn_id,
        verdict=verdict,
        reasons=decided.reasons if decided else _common_reasons(agreeing),
        correction=decided.correction if decided else next(reversed(corrections), None),
        authoritative=decided is not None,
        disputed=decided is None and bool(good and bad),
        reviews=len(judgements),
    )


def _majority(good: int, bad: int) -> Verdict | None:
    if good == bad:
        return None
    return Verdict.GOOD if good > bad else Verdict.BAD


def _common_reasons(agreeing: Sequence[Judgement]) -> tuple[Reason, ...]:
    named = [reason for judgement in agreeing for reason in judgement.reasons]
    return tuple(reason for reason in Reason if 2 * named.count(reason) >= len(agreeing) > 0)
