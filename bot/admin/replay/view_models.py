"""Replays, pairs and outcomes as the pages show them: masked, labelled, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.admin.replay.engines import is_gone, label_of
from bot.admin.replay.win_rate import WinRate, win_rate
from bot.admin.web.badges import Badge
from bot.admin.web.language import translate as _
from bot.domain.replays import Preference, ReplayOptions, ReplayState, Unaskable
from bot.privacy.masking import mask
from bot.store.replays.outcomes import CountedVotes
from bot.store.replays.records import ItemCounts, Replay
from inference_queue.worker_registry import WorkerStatus
from measures.shares import Clusters
from measures.verdict import Verdict

_STATES = {
    ReplayState.COLLECTING: Badge("질문 모으는 중", "…", "open"),
    ReplayState.RUNNING: Badge("진행 중", "…", "open"),
    ReplayState.STOPPED: Badge("멈춤", "–", "quiet"),
    ReplayState.ENDED: Badge("끝남", "✓", "good"),
}
_WAITS = Badge("엔진을 기다리는 중", "!", "warn")
VERDICTS = {
    Verdict.BETTER: Badge("새 답변이 더 낫습니다", "▲", "good"),
    Verdict.WORSE: Badge("새 답변이 더 나쁩니다", "▼", "bad"),
    Verdict.CANNOT_TELL: Badge("차이를 알 수 없습니다", "=", "quiet"),
}
FAILURES = {
    "unaskable": "다시 물어볼 수 없음",
    "empty": "빈 답변",
    "invalid_job": "엔진이 거부함",
    "unreadable": "워커의 결과를 읽을 수 없음",
    "refused": "데이터베이스가 결과를 거부함",
    "engine_error": "엔진 오류",
    "no_vision": "사진을 보는 모델이 없음",
    "prompt_too_long": "프롬프트가 너무 김",
    "attempts_exhausted": "워커가 여러 번 멈춤",
}
LEFT_OUT: Mapping[str, str] = {
    Unaskable.PICTURES: (
        "사진이 있는 질문 {count}건은 뺐습니다. 사진을 보관하고 있지 않아 같은 질문을 다시 보낼 수"
        " 없습니다."
    ),
    Unaskable.UNANSWERED: (
        "답변이 없는 질문 {count}건은 뺐습니다. 새 답변과 비교할 이전 답변이 없습니다."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """A replay with its progress."""

    id: int
    name: str
    author: str
    state: Badge
    created_at: datetime
    source: str
    asked_by: str  #: who typed ``source``; "": another than the author, perhaps
    counts: ItemCounts
    goes_on: bool
    is_stopped: bool
    waits: bool  #: for an engine
    left_out: tuple[str, ...]  #: how many turns are not asked again, and why
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The votes of a replay, and what they say."""

    rate: WinRate | None
    verdict: Badge | None
    votes: Mapping[str, int]  #: by ``Preference``
    same: int  #: pairs with twice the same answer, which count as ties


def replay_row(
    replay: Replay, counts: ItemCounts, workers: Sequence[WorkerStatus] | None
) -> ReplayRow:
    """The replay in words."""
    goes_on = replay.state in (ReplayState.COLLECTING, ReplayState.RUNNING)
    has_left = counts.done < counts.total
    waits = goes_on and has_left and is_gone(replay.options.target, workers)
    return ReplayRow(
        id=replay.id,
        name=replay.name,
        author=replay.author,
        state=(_WAITS if waits else _STATES[replay.state]).said(),
        created_at=replay.created_at,
        source=replay.source or replay.query or _("모든 질문"),
        asked_by="" if replay.source else replay.author,
        counts=counts,
        goes_on=goes_on,
        is_stopped=replay.state is ReplayState.STOPPED,
        waits=waits,
        left_out=tuple(
            _(LEFT_OUT[reason], count=f"{count:,}")
            for reason, count in sorted(replay.left_out.items())
            if reason in LEFT_OUT and count
        ),
        options=tuple((_(name), value) for name, value in _options(replay.options) if value),
    )


def without_personal_data(row: ReplayRow) -> ReplayRow:
    """The replay for whom did not order it: its prompt is masked, which takes time."""
    return replace(row, options=tuple((name, mask(value)) for name, value in row.options))


def outcome(counted: Sequence[CountedVotes]) -> Outcome:
    """What the votes say."""
    votes = {one.value: sum(kind.votes[one] for kind in counted) for one in Preference}
    judged = [Clusters(kind.items, kind.score, kind.conversations) for kind in counted]
    # Without a vote there is nothing to weigh twice the same answers against.
    rate = win_rate(judged) if any(votes.values()) else None
    return Outcome(
        rate=rate,
        verdict=VERDICTS[rate.verdict].said() if rate else None,
        votes=votes,
        same=sum(kind.same for kind in counted),
    )


def _options(options: ReplayOptions) -> list[tuple[str, str]]:
    numbers = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "답변의 최대 토큰": options.max_new_tokens,
        "난수 시드": options.seed,
    }
    return [
        ("엔진", label_of(options.target)),
        ("프리셋", options.preset or ""),
        *((name, "" if value is None else f"{value:g}") for name, value in numbers.items()),
        ("시스템 프롬프트", options.system_prompt or ""),
    ]
