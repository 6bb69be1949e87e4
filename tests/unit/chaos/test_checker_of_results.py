"""The checker's promises of the generic webhook: results that are read, and callbacks."""

from __future__ import annotations

import pytest

from chaos.checker import check, without_callback
from chaos.journal import Journal, Message, utterance
from chaos.ledger import LedgerFindings
from tests.unit.chaos.test_checker import accepted, answer, prompt


@pytest.fixture
def journal() -> Journal:
    return Journal()


def called(journal: Journal, number: int = 1, *, at: float | None = None) -> Message:
    """A message that wants a callback; ``at``: the client took it then, seconds after sending."""
    message = accepted(journal, "g2", number)
    message.results.callback_due = True
    message.results.turn_ids.add(f"turn {number}")
    if at is not None:
        journal.show(message, "result callback", answer(f"{message.id}g{number}"))
        message.results.called_back_at.append(message.sent_at + at)
    return message


def pending(message: Message) -> bool:
    """A call, so that a type checker takes no earlier answer for the next one."""
    return message.is_pending


def read(journal: Journal, message: Message) -> None:
    journal.show(message, "result", answer(f"{message.id}g{message.number}"))


def test_accepted_message_without_a_result_is_lost_and_pending(journal: Journal) -> None:
    message = accepted(journal, "g2")
    message.results.turn_ids.add("turn")
    assert message.is_pending
    assert check(journal).lost == ["g2m1"]


@pytest.mark.parametrize("route", ["wait", "result", "events"])
def test_result_that_was_read_is_an_end(journal: Journal, route: str) -> None:
    message = accepted(journal, "g2")
    journal.show(message, route, journal.reply(prompt(utterance(message))))
    assert not message.is_pending
    assert check(journal).ends == {route: 1}
    assert check(journal).holds


def test_callback_is_an_end_whether_its_result_was_read_or_not(journal: Journal) -> None:
    called(journal, 1, at=1.0)
    message = called(journal, 2)
    read(journal, message)
    assert pending(message)
    message.results.called_back_at.append(message.sent_at + 2)
    assert not pending(message)
    assert check(journal).ends == {"result callback": 2}
    assert check(journal).holds


def test_reading_a_result_is_no_substitute_for_its_callback(journal: Journal) -> None:
    message = called(journal)
    read(journal, message)
    assert check(journal).lost == ["g2m1"]


def test_callback_without_an_answer_is_no_loss_once_its_result_was_read(journal: Journal) -> None:
    message = called(journal)
    message.unanswered.append("500")
    assert pending(message)
    assert check(journal).lost == ["g2m1"]
    read(journal, message)
    assert not pending(message)
    assert check(journal).ends == {"result, callback unanswered": 1}


def test_callback_that_died_in_hand_is_no_loss_once_its_result_was_read(journal: Journal) -> None:
    message = called(journal)
    findings = LedgerFindings(died_in_hand=frozenset({message.id}))
    assert check(journal, findings).lost == ["g2m1"]
    read(journal, message)
    assert check(journal, findings).ends == {"result, died in hand": 1}


def test_callback_claimed_by_a_version_without_the_messenger_is_counted(journal: Journal) -> None:
    message = called(journal)
    assert without_callback(journal) == set()
    read(journal, message)
    assert without_callback(journal) == {"g2m1"}
    findings = LedgerFindings(claimed_before=frozenset({message.id}))
    assert check(journal, findings).ends == {"result, claimed by the previous version": 1}


def test_second_callback_is_a_duplicate(journal: Journal) -> None:
    message = called(journal, at=1.0)
    message.results.called_back_at.append(message.sent_at + 2)
    assert check(journal).duplicated == ["g2m1: result callback, called back again"]


def test_second_turn_for_one_idempotency_key_is_a_duplicate(journal: Journal) -> None:
    message = called(journal, at=1.0)
    message.results.turn_ids.add("another")
    assert check(journal).duplicated == ["g2m1: result callback, another turn"]


def test_another_result_of_the_same_message_is_a_duplicate(journal: Journal) -> None:
    message = called(journal, at=1.0)
    journal.show(message, "result", answer("g2m1g7"))
    assert check(journal).duplicated == ["g2m1: result callback, result"]


def test_callbacks_in_another_order_than_their_messages_are_seen(journal: Journal) -> None:
    called(journal, 1, at=5.0)
    called(journal, 2, at=1.0)
    assert check(journal).out_of_order == ["g2m2 was called back before g2m1"]


def test_answers_in_another_order_than_their_messages_are_seen(journal: Journal) -> None:
    first, second = accepted(journal, "g2"), accepted(journal, "g2", number=2)
    journal.show(second, "wait", answer("g2m2g4"))
    journal.show(first, "result", answer("g2m1g5"))
    assert check(journal).out_of_order == ["g2m2 was answered before g2m1"]


def test_followed_answer_of_another_message_is_seen(journal: Journal) -> None:
    message = accepted(journal, "g2")
    journal.check_stream(message, "g2m1g3시작 음")
    assert check(journal).misdelivered == []
    journal.check_stream(message, "g5m1g3시작 음")
    assert check(journal).misdelivered == ["g2m1 followed the answer of g5m1"]
