"""Sentences of two versions are told apart from answers, and have the same meaning."""

from __future__ import annotations

from chaos.notices import Notices

OURS = {"failed": "준비하지 못했어요.", "held_expired": "지났어요.", "busy": "붐벼요."}
PREVIOUS = {"failed": "만들지 못했어요.", "storage_down": "저장할 수 없어요."}


def test_both_wordings_have_the_meaning() -> None:
    notices = Notices([OURS, PREVIOUS])
    assert notices.final(["준비하지 못했어요."]) == ["failed"]
    assert notices.final(["만들지 못했어요."]) == ["failed"]
    assert notices.final(["답변이에요."]) == []
    assert notices.forbidden(["지났어요."]) == ["told that a fresh answer is too old"]
    assert notices.is_not_accepted(["저장할 수 없어요."])
    assert notices.is_not_accepted(["붐벼요."])
    assert not notices.is_not_accepted(["준비하지 못했어요."])


def test_a_version_may_lack_a_sentence() -> None:
    assert Notices([OURS, PREVIOUS]).sentences("held_expired") == {"지났어요."}
    assert Notices([PREVIOUS]).sentences("held_expired") == frozenset()
