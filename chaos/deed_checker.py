"""The rules of votes and stops: what was acknowledged is done, once, and in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chaos.deeds import Judgement, Stop
from chaos.journal import Journal
from chaos.thread_ledger import ThreadTurn

#: A job may run so long after its stop.
MAX_STOP_S = 2.0
#: An injection delays a stop that comes so long after it: a frozen worker loses its lease, a
#: killed bot starts again.
OUTAGE_S = 6.0

UNFINISHED = ("received", "queued", "generating")


def wrong_votes(journal: Journal, stored: Mapping[tuple[str, str], Judgement]) -> Iterator[str]:
    """Votes that are not stored as they were given last, or that nobody gave."""
    for (turn, voter), ballot in journal.ballots.items():
        found = stored.get((turn, voter))
        if found not in ballot.allowed:
            kind = "from elsewhere " if ballot.foreign else ""
            yield f"the vote {kind}of {voter} on {turn} is {found}, not one of {ballot.allowed}"
    for turn, voter in stored:
        if (turn, voter) not in journal.ballots:
            yield f"a vote of {voter} on {turn}, who gave none"


def timed_stops(journal: Journal, injected_at: Sequence[float]) -> list[Stop]:
    """The acknowledged stops that no injection can have delayed."""
    return [
        stop
        for stop in journal.stops
        if stop.acknowledged and stop.ended_at is not None and not _disturbed(stop, injected_at)
    ]


def late_stops(
    journal: Journal, turns: Sequence[ThreadTurn], injected_at: Sequence[float]
) -> Iterator[str]:
    """Turns that ran on after an acknowledged stop."""
    by_message = {(turn.room, turn.ts): turn for turn in turns}
    in_time = {id(stop) for stop in timed_stops(journal, injected_at)}
    for stop in journal.stops:
        for message in journal.messages.values():
            before = message.accepted_at is not None and message.accepted_at < stop.sent_at
            turn = by_message.get((message.room, message.ts))
            if not before or message.conversation != stop.conversation or turn is None:
                continue
            if not stop.acknowledged or stop.turn_id not in ("", turn.id):
                continue
            if wrong := _late(stop, turn, in_time=id(stop) in in_time):
                yield f"{message.id}, stopped by {stop.way}: {wrong}"


def _late(stop: Stop, turn: ThreadTurn, *, in_time: bool) -> str:
    if turn.status in UNFINISHED or turn.settled_at is None:
        return f"it is still {turn.status}"
    ended_at = max(turn.settled_at, turn.job_ended_at or 0.0)
    late_s = ended_at - stop.acknowledged_at
    if in_time and late_s > MAX_STOP_S:
        return f"it ended {late_s:.1f} s later as {turn.status}"
    return ""


def _disturbed(stop: Stop, injected_at: Sequence[float]) -> bool:
    ended_at = stop.ended_at or stop.sent_at
    return any(stop.sent_at - OUTAGE_S <= at <= ended_at + MAX_STOP_S for at in injected_at)
