"""The checker sees every kind of broken promise."""

from __future__ import annotations

import pytest

from chaos.checker import check, suspects
from chaos.journal import Journal, Message, utterance
from chaos.ledger import LedgerFindings


def prompt(*turns: str) -> list[dict[str, str]]:
    """System, then user and assistant in turn."""
    roles = ["system", *("user" if n % 2 == 0 else "assistant" for n in range(len(turns)))]
    texts = ["친절한 비서예요.", *turns]
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]


def accepted(journal: Journal, conversation: str = "k0", number: int = 1) -> Message:
    message = journal.sent(conversation, number)
    message.accepted_at = message.sent_at
    return message


def died_in_hand(message: Message) -> LedgerFindings:
    return LedgerFindings(died_in_hand=frozenset({message.id}))


def answer(mark: str) -> str:
    """What the stand-in for the engine says, with this message and number."""
    return f"{mark}시작 {mark}끝"


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_an_answer_that_was_shown_is_no_loss(journal: Journal) -> None:
    first = accepted(journal)
    said = journal.reply(prompt(utterance(first)))
    assert journal.show(first, "sync", said)
    second = accepted(journal, number=2)
    journal.show(second, "post", journal.reply(prompt(utterance(first), said, utterance(second))))
    verdict = check(journal)
    assert verdict.holds
    assert verdict.ends == {"sync": 1, "post": 1}


def test_silence_after_an_acknowledgement_is_a_loss(journal: Journal) -> None:
    message = accepted(journal)
    said = journal.reply(prompt(utterance(message)))
    assert not journal.show(message, "callback", said[: len(said) // 2])
    assert check(journal).lost == ["k0m1"]
    assert not check(journal).holds


def test_an_answer_without_its_end_is_a_loss_and_named(journal: Journal) -> None:
    message = accepted(journal)
    said = journal.reply(prompt(utterance(message)))
    assert not journal.show(message, "callback", said[:-1])
    assert check(journal).lost == ["k0m1"]
    assert "in part ['callback']" in journal.account("k0m1")


def test_a_button_that_says_shown_already_is_a_loss(journal: Journal) -> None:
    message = accepted(journal)
    message.has_button = True
    message.unanswered.append("time out")
    message.forbidden.append("told that it has been shown")
    assert check(journal).lost == ["k0m1 told that it has been shown"]


@pytest.mark.parametrize("told", [True, False])
def test_two_outcomes_are_one_too_many(journal: Journal, told: bool) -> None:
    message = accepted(journal)
    said = journal.reply(prompt(utterance(message)))
    journal.show(message, "sync", said)
    if told:
        message.notices.append("failed")
    else:
        journal.show(message, "callback", said)
    assert len(check(journal).duplicated) == 1


def test_answer_withheld_by_the_platform_is_unconfirmed_and_no_loss(journal: Journal) -> None:
    message = accepted(journal)
    message.unanswered.append("dropped")
    assert check(journal).ends == {"unconfirmed": 1}
    assert check(journal).holds


def test_lost_answer_that_can_be_looked_up_is_no_unconfirmed_delivery(journal: Journal) -> None:
    message = accepted(journal, "s1")
    message.reconcilable.append("dropped")
    assert message.is_pending
    assert check(journal).lost == ["s1m1"]
    said = journal.reply(prompt(utterance(message)))
    journal.show(message, "message, sent again", said)
    assert check(journal).ends == {"message, sent again": 1}
    journal.show(message, "message, sent again", said)
    assert len(check(journal).duplicated) == 1


def test_unanswered_post_counts_as_found_once_it_was_read(journal: Journal) -> None:
    message = accepted(journal, "s1")
    message.reconcilable.append("cut")
    journal.show(message, "message", journal.reply(prompt(utterance(message))))
    assert check(journal).ends == {"message, unanswered": 1}
    message.found = True
    assert check(journal).ends == {"message, found again": 1}


def test_a_refusal_for_now_has_to_be_tried_again_in_its_time(journal: Journal) -> None:
    message = accepted(journal)
    message.rate_limited_at.append(message.sent_at + 5)
    assert check(journal).lost
    assert "refused ['5.0s']" in journal.account(message.id)
    message.rate_limited_at.append(message.sent_at + 25)
    assert check(journal).ends == {"refused until too late": 1}


def test_only_a_bot_known_to_be_killed_excuses_silence(journal: Journal) -> None:
    message = accepted(journal)
    assert check(journal, died_in_hand(message)).ends == {"died in hand": 1}


def test_a_killed_bot_is_suspected_of_what_was_asked_shortly_before(journal: Journal) -> None:
    merged, asked, answered = (accepted(journal, number=number) for number in (1, 2, 3))
    journal.reply(prompt(f"{utterance(merged)}\n{utterance(asked)}"))
    journal.show(answered, "post", journal.reply(prompt(utterance(answered))))
    [at, _] = [generation.at for generation in journal.generations]
    assert suspects(journal, [at - 5, at + 100]) == set()
    assert suspects(journal, [at + 1]) == {merged.id, asked.id}
    journal.show(answered, "button", journal.reply(prompt(utterance(answered))))
    assert suspects(journal, [at + 1]) == {merged.id, asked.id, answered.id}


def test_messages_merged_into_a_later_one_have_to_be_asked_with_it(journal: Journal) -> None:
    first, second = accepted(journal), accepted(journal, number=2)
    first.notices.append("merged")
    assert sorted(check(journal).lost) == ["k0m1 merged into nothing", "k0m2"]
    both = f"{utterance(first)}\n{utterance(second)}"
    journal.show(second, "callback", journal.reply(prompt(both)))
    assert check(journal).holds
    assert check(journal).ends == {"merged": 1, "callback": 1}


def test_a_burst_in_another_order_is_seen(journal: Journal) -> None:
    first, second = accepted(journal), accepted(journal, number=2)
    journal.reply(prompt(f"{utterance(second)}\n{utterance(first)}"))
    assert "the order [2, 1]" in check(journal).out_of_order[0]


def test_a_button_pressed_twice_is_no_duplicate_and_what_was_called_back_is_one(
    journal: Journal,
) -> None:
    message = accepted(journal)
    said = journal.reply(prompt(utterance(message)))
    journal.show(message, "button", said)
    journal.show(message, "button", said)
    assert check(journal).holds
    message.shown.clear()
    journal.show(message, "callback", said)
    journal.show(message, "button", said)
    assert check(journal).duplicated
    journal.show(message, "button", said)
    assert check(journal).duplicated


def test_a_button_may_show_again_what_a_killed_bot_had_just_shown(journal: Journal) -> None:
    message = accepted(journal)
    said = journal.reply(prompt(utterance(message)))
    journal.show(message, "callback", said)
    journal.show(message, "button", said)
    assert check(journal).duplicated
    assert check(journal, died_in_hand(message)).holds
    journal.show(message, "callback", said)
    assert check(journal, died_in_hand(message)).duplicated


def test_another_persons_answer_is_seen(journal: Journal) -> None:
    mine, theirs = accepted(journal), accepted(journal, "k1")
    journal.show(mine, "sync", journal.reply(prompt(utterance(theirs))))
    assert not check(journal).holds
    assert check(journal).misdelivered


@pytest.mark.parametrize(
    ("asked", "history", "complaint"),
    [
        (3, (2, 1), "the order"),
        (3, (2,), "k0m1 is missing"),
        (1, (2,), "the order"),
    ],
)
def test_a_history_out_of_order_is_seen(
    journal: Journal, asked: int, history: tuple[int, ...], complaint: str
) -> None:
    messages = {number: accepted(journal, number=number) for number in (1, 2, 3)}
    messages[1].shown.clear()
    earlier = [said for n in history for said in (f"k0m{n} 뭐?", answer(f"k0m{n}g{n}"))]
    journal.show(messages[1], "sync", answer("k0m1g1"))
    journal.reply(prompt(*earlier, utterance(messages[asked])))
    [found] = check(journal).out_of_order
    assert complaint in found


def test_an_answer_other_than_the_one_shown_is_seen(journal: Journal) -> None:
    first, second = accepted(journal), accepted(journal, number=2)
    journal.show(first, "sync", answer("k0m1g7"))
    journal.reply(prompt(utterance(first), answer("k0m1g8"), utterance(second)))
    assert "otherwise than shown" in check(journal).out_of_order[0]
