"""What is shown of an answer while it is written has no gap."""

from __future__ import annotations

from uuid import UUID

from bot.conversation.live_turns import LiveTurn
from inference_queue.token_stream import Chunk, Run

RUN = Run(job_id=UUID(int=1), attempt=1, lease=1)


def shown(*chunks: Chunk) -> str:
    turn = LiveTurn()
    turn.begin(RUN)
    for chunk in chunks:
        turn.add(chunk)
    return turn.text


def test_the_pieces_are_shown_in_their_order() -> None:
    assert shown(Chunk("1", "가나", 0), Chunk("2", "", None), Chunk("3", "다", 2)) == "가나다"


def test_without_its_beginning_nothing_is_shown() -> None:
    assert shown(Chunk("9", "음 음", 12), Chunk("10", " 음", 15)) == ""


def test_behind_a_lost_piece_nothing_more_is_shown() -> None:
    assert shown(Chunk("1", "가", 0), Chunk("3", "다", 2), Chunk("4", "라", 3)) == "가"


def test_another_run_begins_without_the_gap() -> None:
    turn = LiveTurn()
    turn.begin(RUN)
    turn.add(Chunk("1", "다", 2))
    turn.begin(RUN)
    turn.add(Chunk("2", "가", 0))
    assert turn.text == "가"


def test_the_pieces_of_the_previous_versions_worker_are_all_shown() -> None:
    assert shown(Chunk("1", "가"), Chunk("2", "나")) == "가나"
