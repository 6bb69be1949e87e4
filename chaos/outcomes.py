"""What a post means for its message: notices of the bot, and faults of the platform."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from bot.text.catalog import TEXTS
from chaos.journal import Journal, Message
from fakes.faults import Fault

CATALOG = TEXTS["ko"]
#: The sentences of the version that runs beside this one, where they differ.
_PREVIOUS = replace(
    CATALOG,
    storage_down="지금은 메시지를 저장할 수 없어요. 잠시 뒤에 다시 보내 주세요.",
    thinking="답변을 만들고 있어요. 잠시만 기다려 주세요.",
    worker_down="지금은 모델이 꺼져 있어요. 질문은 보관해 두었고, 모델이 켜지면 답해 드릴게요.",
    held_expired="보관 시간이 지나 이 답변은 볼 수 없어요. 다시 물어봐 주세요.",
    held_delivered_already="이 답변은 이미 보여 드렸어요. 위의 대화를 확인해 주세요.",
    failed="답변을 만들지 못했어요. 잠시 뒤에 다시 물어봐 주세요.",
    prompt_too_long="질문이 모델이 읽을 수 있는 길이를 넘었어요. 줄여서 다시 보내 주세요.",
    expired="제시간에 답변을 만들지 못했어요. 다시 물어봐 주세요.",
    merged="이어서 보내 주신 메시지와 함께 답해 드릴게요.",
)


def sentences(name: str) -> frozenset[str]:
    """The sentence of this name in both versions."""
    return frozenset(getattr(catalog, name) for catalog in (CATALOG, _PREVIOUS))


def _by_sentence(meanings: dict[str, str]) -> dict[str, str]:
    return {text: meaning for name, meaning in meanings.items() for text in sentences(name)}


_FINAL = _by_sentence(
    {
        "failed": "failed",
        "expired": "expired",
        "prompt_too_long": "prompt too long",
        "merged": "merged",
    }
)
_FORBIDDEN = _by_sentence(
    {
        "held_expired": "told that a fresh answer is too old",
        "held_delivered_already": "told that it has been shown",
    }
)
_NOT_ACCEPTED = sentences("storage_down") | sentences("busy")
#: After these the bot cannot know whether the person saw the post.
AMBIGUOUS_FAULTS = frozenset({Fault.TIME_OUT, Fault.CUT, Fault.DROPPED, Fault.SERVER_ERROR})


def is_not_accepted(texts: Container[str]) -> bool:
    """Whether these texts say that the message was not taken."""
    return any(sentence in texts for sentence in _NOT_ACCEPTED)


def final_notices(texts: Container[str]) -> list[str]:
    """The notices among these texts that end a message."""
    return [name for sentence, name in _FINAL.items() if sentence in texts]


def forbidden_notices(texts: Container[str]) -> list[str]:
    """The notices among these texts that must never come."""
    return [name for sentence, name in _FORBIDDEN.items() if sentence in texts]


def record_fault(journal: Journal, message: Message, fault: Fault | None, at: float) -> None:
    """Record what the platform did to a post at ``at``."""
    if fault:
        journal.faults[str(fault)] += 1
    if fault in AMBIGUOUS_FAULTS:
        message.unanswered.append(str(fault))
    if fault is Fault.RATE_LIMITED:
        message.rate_limited_at.append(at)
