"""A merged message is answered for by the turn that it was merged into, and by nothing else."""

from __future__ import annotations

import time

import pytest

from chaos import merge_checker
from chaos.checker import check
from chaos.deeds import Stop
from chaos.journal import Journal, Message, utterance
from chaos.ledger import LedgerFindings, MergeTarget


def prompt(*messages: Message) -> list[dict[str, str]]:
    asked = "\n".join(utterance(message) for message in messages)
    return [{"role": "system", "content": "?"}, {"role": "user", "content": asked}]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def merged(journal: Journal) -> Message:
    message = journal.sent("d38", 1)
    message.accepted_at = message.sent_at
    message.notices.append("merged")
    return message


@pytest.fixture
def target(journal: Journal, merged: Message) -> Message:
    message = journal.sent(merged.conversation, 2)
    message.accepted_at = message.sent_at
    return message


def into(target: Message, status: str) -> LedgerFindings:
    return LedgerFindings(merges={"d38m1": MergeTarget(message=target.id, status=status)})


def stop(journal: Journal, target: Message) -> None:
    now = time.monotonic()
    journal.stops.append(
        Stop(conversation=target.conversation, way="session", sent_at=now, ended_at=now + 1)
    )


@pytest.mark.parametrize(
    ("status", "notices"),
    [
        ("failed", ["failed"]),
        ("failed", ["prompt too long"]),
        ("expired", ["expired"]),
        ("cancelled", ["stopped, nothing kept"]),
        ("cancelled", []),
    ],
)
def test_a_target_that_ended_unasked_answers_for_what_was_merged_into_it(
    journal: Journal, target: Message, status: str, notices: list[str]
) -> None:
    target.notices, target.cancelled = notices, not notices
    stop(journal, target)
    assert check(journal, into(target, status)).holds


@pytest.mark.parametrize("ended", [True, False])
def test_a_target_that_the_log_alone_knows_as_accepted_answers_for_it_once_it_has_ended(
    journal: Journal, target: Message, ended: bool
) -> None:
    target.accepted_at = None
    assert check(journal, into(target, "failed" if ended else "queued")).holds == ended


@pytest.mark.parametrize("status", ["received", "queued", "generating", "answered", "merged"])
def test_without_a_prompt_nothing_but_the_targets_own_end_answers_for_it(
    journal: Journal, target: Message, status: str
) -> None:
    target.notices.append("failed")
    [lost] = check(journal, into(target, status)).lost
    assert lost == f"d38m1 merged into d38m2, which is {status} and was not asked"


@pytest.mark.parametrize("status", ["answered", "failed", "cancelled"])
def test_a_target_that_was_asked_alone_answers_for_nothing_else(
    journal: Journal, target: Message, status: str
) -> None:
    journal.show(target, "thread", journal.reply(prompt(target)))
    [lost] = check(journal, into(target, status)).lost
    assert lost == "d38m1 merged into d38m2, which was asked without it"


def test_a_target_that_was_asked_with_it_needs_no_log(
    journal: Journal, merged: Message, target: Message
) -> None:
    journal.show(target, "thread", journal.reply(prompt(merged, target)))
    assert merge_checker.unasked(journal) == []
    assert check(journal).holds


def test_a_target_that_nobody_stopped_answers_for_nothing(
    journal: Journal, target: Message
) -> None:
    target.cancelled = True
    [lost] = check(journal, into(target, "cancelled")).lost
    assert lost == "d38m1 merged into d38m2, which was stopped, though nobody asked"


def test_a_message_without_a_target_is_lost(journal: Journal, merged: Message) -> None:
    assert merge_checker.unasked(journal) == [merged]
    assert check(journal).lost == ["d38m1 merged into nothing"]


def test_a_target_whose_own_end_nobody_saw_is_lost_itself(
    journal: Journal, target: Message
) -> None:
    assert check(journal, into(target, "failed")).lost == ["d38m2"]
