"""What people ask of the bot itself, on the real store: again, silence, votes, erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bot.conversation.inbox import StoreDownError
from bot.conversation.requests import PersonRequests
from bot.domain.conversation_events import EventKind
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.feedback import Feedback, Reason, Vote
from bot.domain.turns import Person, RepeatWindow
from bot.privacy.erasure import Eraser
from bot.store import inbox, posts, turn_outcomes, turns
from bot.store.conversations import ConversationKey
from bot.store.feedback import Place
from bot.store.inbox import NotAccepted
from inference_queue.protocol import Completion, FinishReason
from tests.integration.bot.conversation.conversation_parts import (
    Parts,
    completion,
    running_parts,
    utterance,
)

CHULSOO = ConversationKey(messenger="slack", tenant="T1", key="철수")
PLACE = Place(messenger="slack", tenant="T1", key="철수")


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


@pytest.fixture
def requests(parts: Parts) -> PersonRequests:
    return PersonRequests(database=parts.database, canceller=parts.canceller, human_s=60)


async def ask(parts: Parts, words: str, **changes: object) -> UUID:
    """A question of Chulsoo, answered."""
    turn_id = await parts.wait(words, key="철수", **changes)
    await parts.schedule_all()
    await parts.work()
    await parts.settler.settle()
    await parts.scheduler.close()
    return turn_id


def eraser_of(parts: Parts, withdrawn: list[tuple[str, str]] | None = None) -> Eraser:
    """An eraser; ``withdrawn`` gets the messenger and the id of each message taken back."""

    async def withdraw(messenger: str, handle: ReplyHandle, message_id: str) -> None:
        if withdrawn is not None:
            assert handle.via is DeliveryVia.POST
            withdrawn.append((messenger, message_id))

    return Eraser(
        database=parts.database,
        redis=parts.redis,
        cancel=parts.inbox.cancel,
        withdraw=withdraw,
    )


async def history(parts: Parts, seq_limit: int = 9) -> list[str]:
    async with parts.database.connect() as connection:
        [(key, epoch)] = [
            (row.id, row.epoch) for row in await parts.rows("SELECT id, epoch FROM conversations")
        ]
        found = await turns.answered_turns(connection, [(key, epoch)], limit=seq_limit)
    return [one.text for one in found.get((key, epoch), [])]


# --- again ---


async def test_a_replaced_answer_enters_no_later_prompt(parts: Parts) -> None:
    first = await ask(parts, "하나")
    again = await parts.wait("하나", key="철수", regenerates=first)
    await parts.schedule_all()
    [lease] = await parts.worker.claim(9)
    assert [message.content for message in lease.job.messages[1:]] == ["하나"]
    await parts.worker.finish(lease, completion("새 답"))
    await parts.settler.settle()
    await ask(parts, "둘")
    await parts.wait("셋", key="철수")
    await parts.schedule_all()
    [lease] = await parts.worker.claim(9)
    contents = [message.content for message in lease.job.messages[1:]]
    assert contents == ["하나", "새 답", "둘", "답: 둘", "셋"]
    assert again


async def test_an_answer_counts_again_where_its_replacement_failed(parts: Parts) -> None:
    first = await ask(parts, "하나")
    again = await parts.wait("하나", key="철수", regenerates=first)
    assert await history(parts) == []
    assert await parts.inbox.cancel(again)
    assert await history(parts) == ["하나"]


async def test_of_a_chain_of_answers_the_newest_counts(parts: Parts) -> None:
    turn_id = await ask(parts, "하나")
    for _ in range(3):
        turn_id = await ask(parts, "하나", regenerates=turn_id)
    assert await history(parts) == ["하나"]


# --- stop ---


async def test_what_was_written_by_the_stop_is_kept(parts: Parts, requests: PersonRequests) -> None:
    turn_id = await parts.wait("하나", key="철수")
    waiting = await parts.wait("둘", key="철수")
    await parts.schedule_all()
    [lease] = await parts.worker.claim(9)
    await parts.sweeper.mark()
    assert await requests.stop(CHULSOO, by="U1") == 2
    written = Completion(
        text="여기까지",
        finish_reason=FinishReason.CANCELLED,
        model="m",
        prompt_tokens=0,
        completion_tokens=1,
    )
    await parts.worker.finish(lease, written)
    await parts.settler.settle()
    found = {row.id: row for row in await parts.rows("SELECT * FROM turns")}
    assert (found[turn_id].status, found[turn_id].answer) == ("cancelled", "여기까지")
    assert [found[one].stopped_by for one in (turn_id, waiting)] == ["U1", "U1"]
    assert await history(parts) == []
    assert await requests.stop(CHULSOO, by="U1") == 0


async def test_a_turn_is_stopped_only_in_its_room(parts: Parts, requests: PersonRequests) -> None:
    turn_id = await parts.wait("하나", key="철수", room="C1")
    for room, tenant, stopped in (("C2", "T1", False), ("C1", "T2", False), ("C1", "T1", True)):
        was = await requests.stop_turn(
            turn_id, messenger="slack", tenant=tenant, room=room, by="U2"
        )
        assert was is stopped


# --- silence ---


async def test_a_conversation_begins_anew_after_a_long_silence(parts: Parts) -> None:
    await ask(parts, "하나", idle_after_s=3600.0)
    await ask(parts, "둘", idle_after_s=3600.0)
    await parts.execute("UPDATE conversations SET updated_at = now() - interval '2 hours'")
    late = await ask(parts, "셋", idle_after_s=3600.0)
    assert await history(parts) == ["셋"]
    later = await ask(parts, "넷", idle_after_s=3600.0)
    async with parts.database.connect() as connection:
        begins = [
            (await turn_outcomes.load_outcome(connection, turn_id)).begins_anew
            for turn_id in (late, later)
        ]
    assert begins == [True, False]


async def test_without_an_answer_there_is_nothing_to_begin_anew(parts: Parts) -> None:
    await parts.wait("하나", key="철수", idle_after_s=1.0)
    await parts.execute("UPDATE conversations SET updated_at = now() - interval '2 hours'")
    await parts.wait("둘", key="철수", idle_after_s=1.0)
    assert [row.epoch for row in await parts.rows("SELECT epoch FROM conversations")] == [0]


# --- a human ---


async def test_nothing_is_stored_while_a_human_answers(
    parts: Parts, requests: PersonRequests
) -> None:
    await requests.call_human(CHULSOO, by="U1")
    assert await requests.human_answers(CHULSOO)
    async with parts.database.begin() as connection:
        said = utterance("하나", key="철수")
        assert await inbox.accept(connection, [said]) == [NotAccepted.HUMAN]
    assert await parts.rows("SELECT 1 FROM turns") == []
    assert await requests.end_human(CHULSOO, by="U2")
    assert not await requests.end_human(CHULSOO, by="U2")
    await parts.wait("둘", key="철수")
    events = await parts.rows("SELECT kind, actor FROM conversation_events ORDER BY id")
    assert [(one.kind, one.actor) for one in events] == [
        (EventKind.HUMAN_CALLED, "U1"),
        (EventKind.HUMAN_LEFT, "U2"),
    ]


async def test_the_silence_for_a_human_ends_by_itself(
    parts: Parts, requests: PersonRequests
) -> None:
    await requests.call_human(CHULSOO, by="U1")
    await parts.execute("UPDATE conversations SET human_until = now()")
    assert await parts.wait("하나", key="철수")


# --- votes ---


def vote_of(turn_id: UUID, vote: Vote, *reasons: Reason, note: str = "") -> Feedback:
    return Feedback(turn_id=turn_id, voter="U1", vote=vote, reasons=reasons, note=note)


async def test_one_vote_per_person_and_answer(parts: Parts, requests: PersonRequests) -> None:
    turn_id = await ask(parts, "하나")
    given = vote_of(turn_id, Vote.BAD, Reason.WRONG, note="아니에요")
    assert await requests.vote(given, PLACE)
    assert await requests.vote(vote_of(turn_id, Vote.BAD), PLACE)
    [stored] = await parts.rows("SELECT * FROM feedback")
    assert (stored.vote, stored.reasons, stored.note) == ("bad", ["wrong"], "아니에요")
    assert await requests.vote(vote_of(turn_id, Vote.GOOD), PLACE)
    [stored] = await parts.rows("SELECT * FROM feedback")
    assert (stored.vote, stored.reasons, stored.note) == ("good", [], "")


async def test_a_vote_on_another_s_answer_changes_nothing(
    parts: Parts, requests: PersonRequests
) -> None:
    turn_id = await ask(parts, "하나", room="C1")
    unanswered = await parts.wait("둘", key="철수", room="C1")
    for place in (
        Place(messenger="slack", tenant="T2", key="철수"),
        Place(messenger="kakao", tenant="T1", key="철수"),
        Place(messenger="slack", tenant="T1", key="영희"),
        Place(messenger="slack", tenant="T1", room="C2"),
    ):
        assert not await requests.vote(vote_of(turn_id, Vote.GOOD), place)
    assert not await requests.vote(vote_of(unanswered, Vote.GOOD), PLACE)
    assert not await requests.vote(vote_of(uuid4(), Vote.GOOD), PLACE)
    assert await parts.rows("SELECT 1 FROM feedback") == []
    room = Place(messenger="slack", tenant="T1", room="C1")
    assert await requests.vote(vote_of(turn_id, Vote.GOOD), room)


# --- erasure ---


async def test_an_erasure_leaves_nothing_of_the_person_but_a_receipt(
    parts: Parts, requests: PersonRequests
) -> None:
    first = await ask(parts, "하나")
    await requests.vote(vote_of(first, Vote.BAD, Reason.WRONG, note="비밀"), PLACE)
    other = await ask(parts, "남의 것", sender="U2")
    await requests.vote(Feedback(turn_id=other, voter="U1", vote=Vote.GOOD), PLACE)
    await parts.wait("기다리는 것", key="철수")
    await parts.schedule_all()
    eraser = eraser_of(parts)
    person = Person(messenger="slack", tenant="T1", sender="U1")
    assert await eraser.erase(person, wait_s=20)
    assert [row.sender for row in await parts.rows("SELECT sender FROM turns")] == ["U2"]
    for table in ("feedback", "jobs"):
        assert await parts.rows(f"SELECT 1 FROM {table}") == []
    assert await parts.redis.keys("bllossom:history:*") == []
    [receipt] = await parts.rows("SELECT * FROM erasures")
    assert receipt.counts["turns"] == 2
    assert (receipt.counts["jobs"], receipt.counts["votes"]) == (1, 1)
    assert receipt.counts["conversations"] == 0
    assert receipt.person == person.key
    # Another person's conversation goes on, without what was erased.
    await ask(parts, "또 남의 것", sender="U2")
    assert "하나" not in await history(parts)


async def test_an_erasure_leaves_no_words_in_what_others_asked(parts: Parts) -> None:
    secret = await ask(parts, "비밀", prompt="철수: 비밀")
    again = await ask(parts, "비밀", sender="U2", prompt="철수: 비밀", regenerates=secret)
    await ask(parts, "비밀", sender="U3", prompt="철수: 비밀", regenerates=again)
    await ask(parts, "물음", sender="U2", prompt="[앞서 나눈 이야기]\n철수: 비밀\n\n영희: 물음")
    await parts.wait("둘", key="철수", sender="U2", prompt="영희: 둘")
    await parts.wait("비밀", key="철수", sender="U2", prompt="철수: 비밀", regenerates=again)
    await parts.schedule_all()
    eraser = eraser_of(parts)
    assert await eraser.erase(Person(messenger="slack", tenant="T1", sender="U1"), wait_s=20)
    left = await parts.rows("SELECT text, sender, prompt FROM turns ORDER BY seq")
    assert left == [("물음", "U2", None), ("둘", "U2", None)]


async def test_what_an_erased_turn_shows_in_part_is_taken_back(parts: Parts) -> None:
    turn_id = await ask(parts, "하나")
    await parts.execute(
        "INSERT INTO posts (turn_id, part, room, message_id, state) "
        f"VALUES ('{turn_id}', 0, 'C1', '1.1', 'final'), ('{turn_id}', 1, 'C1', '1.2', 'writing'),"
        f" ('{turn_id}', 2, 'C1', '1.3', 'streaming'), ('{turn_id}', 3, 'C1', NULL, 'starting')",
    )
    withdrawn: list[tuple[str, str]] = []
    eraser = eraser_of(parts, withdrawn)
    await eraser.erase_all(Person(messenger="slack", tenant="T1", sender="U1"))
    await eraser.close()
    assert sorted(withdrawn) == [("slack", "1.2"), ("slack", "1.3")]


async def test_an_answer_that_the_erasure_itself_has_stopped_is_taken_back(parts: Parts) -> None:
    """Its delivery may be faster than the erasure."""
    before = await ask(parts, "하나")
    running = await parts.wait("둘", key="철수")
    await parts.execute(
        "INSERT INTO posts (turn_id, part, room, message_id, state) "
        f"VALUES ('{before}', 0, 'C1', '1.1', 'final'), ('{running}', 0, 'C1', '1.2', 'streaming')"
    )

    async def finish(turn_id: UUID) -> bool:
        await parts.execute(f"UPDATE posts SET state = 'final' WHERE turn_id = '{turn_id}'")
        return True

    withdrawn: list[tuple[str, str]] = []
    eraser = eraser_of(parts, withdrawn)
    eraser._cancel = finish
    await eraser.erase_all(Person(messenger="slack", tenant="T1", sender="U1"))
    await eraser.close()
    assert withdrawn == [("slack", "1.2")]


async def test_two_bots_erase_one_person_at_once_and_wholly(parts: Parts) -> None:
    first = await ask(parts, "하나")
    await parts.execute(
        "INSERT INTO conversations (messenger, tenant, key) "
        "SELECT 'slack', 'T1', 'more' || n FROM generate_series(1, 300) AS n",
        "INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender,"
        " text, reply_handle, expires_at, status) "
        "SELECT gen_random_uuid(), conversations.id, 10 + n, 0, 'slack', 'T1', "
        "conversations.key || n, sender, text, reply_handle, expires_at, 'answered' "
        f"FROM turns, conversations, generate_series(1, 3) AS n WHERE turns.id = '{first}' "
        "AND conversations.key LIKE 'more%'",
    )
    person = Person(messenger="slack", tenant="T1", sender="U1")
    bots = [eraser_of(parts) for _ in range(3)]
    accepts = [parts.wait(f"새 것 {n}", key=f"more{n}", sender="U2") for n in range(1, 40)]
    await asyncio.gather(*(bot.erase_all(person) for bot in bots), *accepts)
    assert await parts.rows("SELECT 1 FROM turns WHERE sender = 'U1'") == []
    receipts = await parts.rows("SELECT counts FROM erasures")
    assert sum(row.counts["turns"] for row in receipts) == 901


@pytest.mark.parametrize("deed", ["vote", "begin", "announce", "note"])
async def test_what_comes_during_an_erasure_finds_nothing_after_it(
    parts: Parts, requests: PersonRequests, deed: str
) -> None:
    """None of them may break the foreign key, which would look like a database out of order."""
    turn_id = await ask(parts, "하나")
    waiting = await parts.wait("둘", key="철수")
    async with parts.database.connect() as other, parts.database.connect() as erasing:
        deeds = {
            "vote": requests.vote(vote_of(turn_id, Vote.GOOD), PLACE),
            "begin": posts.begin(other, waiting, "C1", writer=uuid4(), seconds=1.0),
            "announce": posts.announce(other, turn_id, 0, "C1"),
            "note": requests.note(CHULSOO, EventKind.AI_NOTICE, {}),
        }
        await erasing.execute(text("DELETE FROM conversations"))
        task = asyncio.ensure_future(deeds.pop(deed))
        await asyncio.sleep(0.3)
        await erasing.commit()
        assert not await task
        for rest in deeds.values():
            rest.close()


async def test_a_turn_is_taken_once_but_again_by_the_request_that_failed_behind_it(
    parts: Parts, requests: PersonRequests
) -> None:
    await ask(parts, "하나")
    newest = await requests.newest_turn(CHULSOO)
    assert newest is not None
    assert await requests.take_turn(CHULSOO, newest, event_key="E1")
    assert not await requests.take_turn(CHULSOO, newest, event_key="E2")
    assert await requests.take_turn(CHULSOO, newest, event_key="E1")
    assert not await requests.take_turn(CHULSOO, newest, event_key="E2")


async def test_a_command_is_given_back_where_postgres_is_down_behind_it(
    requests: PersonRequests,
) -> None:
    now = datetime.now(UTC)
    window = RepeatWindow(key="stop-1", received_at=now, until=now + timedelta(minutes=1))

    async def carry_out() -> None:
        async with requests.taken("slack", "T1", window) as is_new:
            assert is_new
            raise StoreDownError

    with pytest.raises(StoreDownError):
        await carry_out()
    async with requests.taken("slack", "T1", window) as is_new:
        assert is_new
    async with requests.taken("slack", "T1", window) as is_new:
        assert not is_new


async def test_many_requests_of_one_person_share_an_erasure(parts: Parts) -> None:
    await ask(parts, "하나")
    eraser = eraser_of(parts)
    person = Person(messenger="slack", tenant="T1", sender="U1")
    assert all(await asyncio.gather(*(eraser.erase(person, wait_s=20) for _ in range(50))))
    assert len(await parts.rows("SELECT 1 FROM erasures")) <= 2
    assert await eraser.erase(person, wait_s=20)


async def test_an_erasure_of_many_turns_goes_in_small_steps(
    parts: Parts,
) -> None:
    turn_id = await ask(parts, "하나")
    await parts.execute(
        "INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender,"
        " text, reply_handle, expires_at, status) "
        "SELECT gen_random_uuid(), conversation_id, 1000 + n, epoch, messenger, tenant, "
        "'copy' || n, sender, text, reply_handle, expires_at, 'answered' "
        f"FROM turns, generate_series(1, 1000) AS n WHERE id = '{turn_id}'",
    )
    eraser = eraser_of(parts)
    person = Person(messenger="slack", tenant="T1", sender="U1")
    await eraser.erase_all(person)
    assert await parts.rows("SELECT 1 FROM turns") == []
    assert await parts.rows("SELECT 1 FROM conversations") == []


async def test_a_long_erasure_goes_on_after_its_request(parts: Parts) -> None:
    await ask(parts, "하나")
    eraser = eraser_of(parts)
    person = Person(messenger="slack", tenant="T1", sender="U1")
    assert not await eraser.erase(person, wait_s=0.0)
    await eraser.close()
    assert await parts.rows("SELECT 1 FROM turns") == []
