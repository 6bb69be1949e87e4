"""What counts of what reviewers and an adjudicator say."""

from __future__ import annotations

from uuid import UUID

from bot.domain.feedback import Reason
from bot.domain.reviews import CountingVerdict, Judgement, Verdict, count_judgements

TURN = UUID(int=1)
GOOD = Judgement(verdict=Verdict.GOOD)


def bad(*reasons: Reason, correction: str | None = None) -> Judgement:
    return Judgement(verdict=Verdict.BAD, reasons=reasons, correction=correction)


def counted(*judgements: Judgement, decided: Judgement | None = None) -> CountingVerdict:
    return count_judgements(TURN, judgements, decided)


def test_one_review_counts() -> None:
    found = counted(bad(Reason.WRONG, correction="고침"))
    assert (found.verdict, found.reasons, found.correction) == (
        Verdict.BAD,
        (Reason.WRONG,),
        "고침",
    )
    assert (found.reviews, found.disputed, found.authoritative) == (1, False, False)


def test_more_than_half_count_and_differing_ones_are_disputed() -> None:
    found = counted(bad(Reason.WRONG), GOOD, bad(Reason.FORMAT))
    assert (found.verdict, found.disputed) == (Verdict.BAD, True)


def test_half_against_half_is_no_verdict() -> None:
    found = counted(GOOD, bad(Reason.WRONG, correction="고침"))
    assert (found.verdict, found.reasons, found.correction) == (None, (), None)
    assert found.disputed


def test_reasons_count_that_half_of_the_agreeing_name_and_the_newest_correction() -> None:
    found = counted(
        bad(Reason.WRONG, Reason.KOREAN, correction="먼저"),
        bad(Reason.WRONG, correction="나중"),
        bad(Reason.UNSAFE),
        GOOD,
    )
    assert found.reasons == (Reason.WRONG,)
    assert found.correction == "나중"


def test_an_adjudicator_counts_whatever_the_others_say() -> None:
    found = counted(bad(Reason.WRONG, correction="고침"), bad(Reason.WRONG), decided=GOOD)
    assert (found.verdict, found.reasons, found.correction) == (Verdict.GOOD, (), None)
    assert (found.authoritative, found.disputed, found.reviews) == (True, False, 2)


def test_without_any_there_is_no_verdict() -> None:
    found = counted()
    assert (found.verdict, found.reviews, found.disputed) == (None, 0, False)
