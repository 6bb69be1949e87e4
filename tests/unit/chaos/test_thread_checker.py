"""The checker sees every kind of broken promise on Slack's screens."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chaos import thread_checker
from chaos.checker import CheckResult, check
from chaos.deeds import Stop
from chaos.journal import Journal, Message, utterance
from chaos.screens import BotPost, Stage, Version
from chaos.thread_ledger import ThreadTurn

NOTE = "(여기서 멈췄어요.)"
ANSWER = "d1m1g1시작 음 음 d1m1g1끝"


@pytest.fixture
def journal() -> Journal:
    return Journal()


def asked(journal: Journal, conversation: str = "d1", number: int = 1) -> Message:
    message = journal.sent(conversation, number)
    message.accepted_at = message.sent_at
    message.room, message.root, message.ts = "D1", "1.0", f"{number}.0"
    return message


def post(*versions: tuple[Stage, str], room: str = "D1", root: str = "1.0", **of: str) -> BotPost:
    seen = [Version(stage, text, float(at)) for at, (stage, text) in enumerate(versions)]
    return BotPost(room=room, root=root, versions=seen, **{"ts": "2.0", "turn_id": "t1", **of})


def turn(answer: str = ANSWER, **fields: object) -> ThreadTurn:
    values = {"id": "t1", "room": "D1", "ts": "1.0", "status": "answered", "posts": ("final",)}
    return ThreadTurn(**{**values, "answer": answer, **fields})  # type: ignore[arg-type]


def only(found: Iterator[str]) -> str:
    [one] = found
    return one


def test_an_answer_that_grew_to_what_the_log_says_breaks_no_rule(journal: Journal) -> None:
    asked(journal)
    grown = post((Stage.STREAM, "d1m"), (Stage.GROWING, "d1m1g1시작 음"), (Stage.FINAL, ANSWER))
    rules = (
        thread_checker.misplaced(journal, [grown]),
        thread_checker.orphaned([grown]),
        thread_checker.repeated([grown]),
        thread_checker.unsteady([grown]),
        thread_checker.untrue([grown], [turn()], [NOTE]),
        thread_checker.stopped_unasked(journal, [turn()]),
    )
    assert [list(found) for found in rules] == [[]] * len(rules)


@pytest.mark.parametrize("place", [{"room": "D2"}, {"root": "9.0"}])
def test_an_answer_in_another_room_or_thread_is_seen(
    journal: Journal, place: dict[str, str]
) -> None:
    asked(journal)
    stray = post((Stage.FINAL, ANSWER), **place)
    assert "d1m1" in only(thread_checker.misplaced(journal, [stray]))


def test_an_answer_that_showed_anothers_beginning_for_a_moment_is_seen(journal: Journal) -> None:
    asked(journal)
    stray = post((Stage.STREAM, ANSWER), (Stage.FINAL, "d2m1g2시작"), room="D2")
    assert len(list(thread_checker.misplaced(journal, [stray]))) == 2


@pytest.mark.parametrize("stage", [Stage.STREAM, Stage.GROWING])
def test_a_message_that_is_never_finished_is_seen(stage: Stage) -> None:
    assert f"ends as {stage}" in only(thread_checker.orphaned([post((stage, ""))]))


def test_an_answer_on_the_screen_twice_is_seen() -> None:
    first, second = post((Stage.FINAL, ANSWER)), post((Stage.FINAL, ANSWER), ts="3.0")
    found = list(thread_checker.repeated([first, second]))
    assert [each.split(" in ")[0] for each in found] == [
        "d1m1 1 begins 2 times",
        "d1m1 1 ends 2 times",
        "t1",
    ]
    assert not list(thread_checker.repeated([first]))


def test_the_beginning_of_an_answer_beside_it_is_seen() -> None:
    left, whole = post((Stage.STREAM, "d1m1g1시작")), post((Stage.FINAL, ANSWER), ts="3.0")
    assert only(thread_checker.repeated([left, whole])).startswith("d1m1 1 begins")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((Stage.STREAM, "가나다"), (Stage.STREAM, "가나")),
        ((Stage.STREAM, "가나다"), (Stage.GROWING, "하나다라")),
        ((Stage.FINAL, "가나다"), (Stage.GROWING, "가나다라")),
        ((Stage.FINAL, "가나다"), (Stage.FINAL, "하")),
    ],
)
def test_a_text_that_shrinks_or_changes_is_seen(
    before: tuple[Stage, str], after: tuple[Stage, str]
) -> None:
    assert only(thread_checker.unsteady([post(before, after)]))


def test_only_the_final_text_may_replace_what_was_shown() -> None:
    replaced = post((Stage.STREAM, "가나"), (Stage.FINAL, "다라마"), (Stage.FINAL, "다라마"))
    assert not list(thread_checker.unsteady([replaced]))


def test_a_screen_that_differs_from_the_log_is_seen() -> None:
    shown = post((Stage.FINAL, "d1m1g1시작"))
    assert "the screen shows" in only(thread_checker.untrue([shown], [turn()], [NOTE]))
    assert "the screen shows ''" in only(thread_checker.untrue([], [turn()], [NOTE]))


def test_a_message_that_the_log_does_not_know_as_final_is_seen() -> None:
    shown = [post((Stage.FINAL, ANSWER))]
    begun = turn(posts=("starting",))
    assert "starting in the log" in only(thread_checker.untrue(shown, [begun], [NOTE]))
    lost = turn(posts=())
    assert "is not in the log" in only(thread_checker.untrue(shown, [lost], [NOTE]))


def test_a_stopped_answer_keeps_what_was_written_and_says_so() -> None:
    stopped = turn("d1m1g1시작", status="cancelled")
    kept = post((Stage.FINAL, f"d1m1g1시작\n\n{NOTE}"))
    assert not list(thread_checker.untrue([kept], [stopped], [NOTE]))
    silent = post((Stage.FINAL, "d1m1g1시작"))
    assert "the screen shows" in only(thread_checker.untrue([silent], [stopped], [NOTE]))


def test_an_answer_that_comes_after_it_was_stopped_in_silence_is_seen() -> None:
    silent = turn("", status="cancelled", posts=(), delivery="expired")
    assert not list(thread_checker.untrue([], [silent], [NOTE]))
    shown = [post((Stage.FINAL, ANSWER))]
    assert "what was stopped" in only(thread_checker.untrue(shown, [silent], [NOTE]))


def test_a_turn_that_was_stopped_though_nobody_asked_is_seen(journal: Journal) -> None:
    message = asked(journal)
    cancelled = turn(status="cancelled")
    assert only(thread_checker.stopped_unasked(journal, [cancelled])).startswith("d1m1")
    stop = Stop(conversation="d1", way="word", sent_at=time.monotonic())
    journal.stops.append(stop)
    assert not list(thread_checker.stopped_unasked(journal, [cancelled]))
    stop.ended_at = message.sent_at - 1
    assert only(thread_checker.stopped_unasked(journal, [cancelled]))


def test_no_window_excuses_silence_in_a_room(journal: Journal) -> None:
    message = asked(journal)
    message.unanswered.append("cut")
    assert check(journal).lost == ["d1m1"]
    message.cancelled = True
    assert check(journal).ends == {"stopped, nothing shown": 1}


def test_an_answer_in_two_messages_is_a_duplicate(journal: Journal) -> None:
    message = asked(journal)
    said = journal.reply([{}, {"role": "user", "content": utterance(message)}])
    journal.show(message, "stream", said)
    assert check(journal).holds
    message.notices.append("stopped")
    assert len(check(journal).duplicated) == 1


def test_a_question_asked_again_gets_another_answer_to_the_same_question(journal: Journal) -> None:
    first, again, later = (asked(journal, number=number) for number in (1, 2, 3))
    again.asks_again = first.id
    journal.show(first, "thread", journal.reply(prompt(utterance(first))))
    journal.show(again, "thread", newer := journal.reply(prompt(utterance(first))))
    asking = prompt(utterance(first), newer, utterance(later))
    journal.show(later, "thread", journal.reply(asking))
    assert check(journal).holds


def test_a_history_with_the_older_of_two_answers_is_seen(journal: Journal) -> None:
    first, again, later = (asked(journal, number=number) for number in (1, 2, 3))
    again.asks_again = first.id
    journal.show(first, "thread", older := journal.reply(prompt(utterance(first))))
    journal.show(again, "thread", journal.reply(prompt(utterance(first))))
    journal.reply(prompt(utterance(first), older, utterance(later)))
    assert "otherwise than shown" in check(journal).out_of_order[0]


@pytest.mark.parametrize(("acknowledged", "seen"), [(False, False), (True, True)])
def test_a_history_may_hold_a_repetition_that_a_killed_bot_never_acknowledged(
    journal: Journal, *, acknowledged: bool, seen: bool
) -> None:
    first, again, later = (asked(journal, number=number) for number in (1, 2, 3))
    again.asks_again = first.id
    again.accepted_at = again.accepted_at if acknowledged else None
    journal.show(first, "thread", journal.reply(prompt(utterance(first))))
    unseen = journal.reply(prompt(utterance(first)))
    journal.reply(prompt(utterance(first), unseen, utterance(later)))
    assert ("otherwise than shown" in str(check(journal).out_of_order)) is seen


def test_in_a_room_the_prompt_names_the_speaker_and_what_was_said_before(journal: Journal) -> None:
    message = asked(journal, "c4")
    before = "[앞서 나눈 이야기]\n민지: 점심 뭐 먹지?\n\n민지: "
    journal.reply(prompt(before + utterance(message)))
    assert journal.generations[0].message == "c4m1"


@pytest.mark.parametrize("broken", ["orphaned", "untrue", "unsteady", "undone"])
def test_each_broken_rule_fails_the_run(broken: str) -> None:
    assert CheckResult().holds
    assert not CheckResult(**{broken: ["d1m1"]}).holds  # type: ignore[arg-type]


def prompt(*turns: str) -> list[dict[str, str]]:
    """System, then user and assistant in turn."""
    roles = ["system", *("user" if n % 2 == 0 else "assistant" for n in range(len(turns)))]
    texts = ["친절한 비서예요.", *turns]
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]
