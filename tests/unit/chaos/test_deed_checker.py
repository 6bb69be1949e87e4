"""The checker sees votes and stops that were acknowledged and not done."""

from __future__ import annotations

import pytest

from chaos.deed_checker import late_stops, timed_stops, wrong_votes
from chaos.deeds import Ballot, Judgement, Stop, StopWay
from chaos.journal import Journal
from chaos.thread_ledger import ThreadTurn

GOOD, BAD = Judgement("good"), Judgement("bad")
VOTE = ("t1", "U1")


@pytest.fixture
def journal() -> Journal:
    return Journal()


def votes(journal: Journal, *given: tuple[Judgement, bool], foreign: bool = False) -> None:
    ballot = journal.ballots[VOTE] = Ballot(foreign=foreign)
    for judgement, acknowledged in given:
        ballot.give(judgement, acknowledged=acknowledged)


def test_the_last_acknowledged_vote_is_stored(journal: Journal) -> None:
    votes(journal, (GOOD, True), (BAD, True))
    assert not list(wrong_votes(journal, {VOTE: BAD}))
    assert "is Judgement(vote='good'" in next(wrong_votes(journal, {VOTE: GOOD}))
    assert "is None" in next(wrong_votes(journal, {}))


def test_a_vote_without_an_acknowledgement_may_be_stored_or_not(journal: Journal) -> None:
    votes(journal, (GOOD, True), (BAD, False))
    assert not list(wrong_votes(journal, {VOTE: GOOD}))
    assert not list(wrong_votes(journal, {VOTE: BAD}))
    assert list(wrong_votes(journal, {}))


def test_reasons_stay_until_the_vote_turns_good(journal: Journal) -> None:
    reasons = Judgement("bad", frozenset({"wrong"}), "왜요?")
    votes(journal, (BAD, True), (reasons, True), (BAD, True))
    assert not list(wrong_votes(journal, {VOTE: reasons}))
    assert list(wrong_votes(journal, {VOTE: BAD}))
    votes(journal, (reasons, True), (GOOD, True))
    assert not list(wrong_votes(journal, {VOTE: GOOD}))


def test_a_vote_from_elsewhere_and_one_that_nobody_gave_are_seen(journal: Journal) -> None:
    votes(journal, foreign=True)
    assert not list(wrong_votes(journal, {}))
    assert "from elsewhere" in next(wrong_votes(journal, {VOTE: GOOD}))
    assert "who gave none" in next(
        wrong_votes(
            journal,
            {("t2", "U1"): GOOD},
        )
    )


def stop(journal: Journal, way: StopWay = "word", turn_id: str = "") -> Stop:
    """A question, and a stop acknowledged at 100 s, Unix time."""
    message = journal.sent("d1", 1)
    message.accepted_at, message.room, message.ts = message.sent_at, "D1", "1.0"
    stopped = Stop(
        conversation="d1",
        way=way,
        sent_at=message.sent_at + 1,
        ended_at=message.sent_at + 1.2,
        acknowledged=True,
        acknowledged_at=100.0,
        turn_id=turn_id,
    )
    journal.stops.append(stopped)
    return stopped


def turn(status: str, settled_at: float | None, job_ended_at: float | None = None) -> ThreadTurn:
    return ThreadTurn(
        id="t1",
        room="D1",
        ts="1.0",
        status=status,
        settled_at=settled_at,
        job_ended_at=job_ended_at,
    )


@pytest.mark.parametrize("status", ["cancelled", "answered"])
def test_a_stop_that_ends_the_turn_in_time_breaks_no_rule(journal: Journal, status: str) -> None:
    stop(journal)
    assert not list(late_stops(journal, [turn(status, 101.5)], []))


def test_a_job_that_runs_on_after_its_stop_is_seen(journal: Journal) -> None:
    stop(journal)
    assert "3.0 s later" in next(late_stops(journal, [turn("cancelled", 103.0)], []))
    assert "4.0 s later" in next(late_stops(journal, [turn("answered", 101.0, 104.0)], []))
    assert "still generating" in next(late_stops(journal, [turn("generating", None)], []))


def test_an_outage_excuses_a_late_stop_and_no_stop_at_all(journal: Journal) -> None:
    stopped = stop(journal)
    injected = [stopped.sent_at - 3]
    assert timed_stops(journal, []) == [stopped]
    assert not timed_stops(journal, injected)
    assert not list(late_stops(journal, [turn("cancelled", 103.0)], injected))
    assert list(late_stops(journal, [turn("queued", None)], injected))


def test_a_button_stops_its_own_turn_alone(journal: Journal) -> None:
    stop(journal, "button", "t2")
    assert not list(late_stops(journal, [turn("answered", 150.0)], []))
    journal.stops[0].turn_id = "t1"
    assert list(late_stops(journal, [turn("answered", 150.0)], []))
