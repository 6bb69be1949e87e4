"""What a queue is, in words."""

from __future__ import annotations

from bot.admin.reviews.queue_form import BAD_VOTES
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.reviews import Sampling, Strata
from bot.store.reviews.items import ItemPart
from bot.store.reviews.queues import Queue

WHICH: dict[str, str] = {
    Sampling.ALL: "조건에 맞는 답변 모두",
    BAD_VOTES: "그중 ‘싫어요’를 받은 답변 모두",
    Sampling.RANDOM: "무작위로 일부",
    Sampling.STRATIFIED: "종류마다 고르게 일부",
}
STRATA: dict[str, str] = {
    Strata.MESSENGER: "메신저",
    Strata.MESSENGER_STATUS: "메신저와 상태",
    Strata.PRESET: "프리셋",
    Strata.REASON: "‘싫어요’의 이유",
}
PARTS: dict[str, str] = {
    ItemPart.ALL: "모두",
    ItemPart.OPEN: "남은 검토",
    ItemPart.DONE: "마친 검토",
    ItemPart.DISPUTED: "의견 갈림",
}


def described(queue: Queue) -> str:
    """What is in a queue, and how it is reviewed."""
    parts = [_chosen(queue)]
    if queue.fills_itself:
        parts.append(_("새로 생기면 자동으로 추가"))
    parts += [
        _("답변마다 {count}명", count=queue.reviewers_per_turn),
        _("예약 {minutes}분", minutes=queue.reservation_minutes),
    ]
    return " · ".join(parts)


def _chosen(queue: Queue) -> str:
    if queue.sampling is Sampling.ALL:
        return _(WHICH[Sampling.ALL])
    seed, size = queue.seed, f"{queue.sample_size or 0:,}"
    if queue.sampling is Sampling.RANDOM:
        return _("무작위 {size}개 (시드 {seed})", size=size, seed=seed)
    strata = labels.label(queue.strata, STRATA)
    return _("{strata}마다 고르게 {size}개 (시드 {seed})", strata=strata, size=size, seed=seed)
