"""The page of the workers: who computes answers, on which model, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.badges import Badge
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.domain.dashboard_users import Role
from bot.store.queue_state import QueueState, RunningJobs, WaitingTurns, read_queue
from bot.workers import WorkerRegistry
from inference_queue.worker_registry import WorkerState, WorkerStatus

WORKERS = web.AppKey("WORKERS", WorkerRegistry)

_STATES = {
    WorkerState.READY: Badge("준비됨", "✓", "good"),
    WorkerState.LOADING: Badge("모델 읽는 중", "…", "open"),
    WorkerState.DRAINING: Badge("마무리 중", "–", "quiet"),
    WorkerState.UNAVAILABLE: Badge("엔진에 연결되지 않음", "!", "warn"),
    WorkerState.FAILED: Badge("모델을 읽지 못함", "✕", "bad"),
}
_GONE = Badge("신호 없음", "✕", "bad")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker as the page shows it."""

    id: str
    state: Badge
    facts: tuple[tuple[str, str], ...]
    detail: str


@needs(Role.VIEWER)
async def show_workers(request: web.Request) -> web.StreamResponse:
    """GET /admin/workers: the workers by their heartbeats, and the queue by Postgres."""
    registry = request.app[WORKERS]
    ages = await registry.ages()
    async with request.app[DATABASE].connect() as connection:
        queue = await read_queue(connection)
    known = registry.workers
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    return page(
        request,
        "workers.html",
        workers=[_row(worker, queue, ages) for worker in known or []] + _silent(known or [], queue),
        unknown=known is None,
        waiting=_waiting(queue.waiting, labels.translated(messengers)),
        slots=sum(worker.slots for worker in registry.ready),
        running=sum(running.jobs for running in queue.running.values()),
    )


def _row(worker: WorkerStatus, queue: QueueState, ages: Mapping[str, float]) -> WorkerRow:
    age = ages.get(worker.id)
    facts = (
        (_("모델"), _("{model} (시험용)", model=worker.model) if worker.demo else worker.model),
        (_("엔진"), worker.engine),
        (_("어댑터"), worker.adapter),
        (_("고를 수 있는 어댑터"), ", ".join(worker.adapters)),
        (_("프리셋"), worker.preset),
        (_("슬롯"), _("{busy} / {slots} 사용 중", busy=worker.busy, slots=worker.slots)),
        (
            _("백그라운드 작업"),
            _("{count}개", count=worker.background) if worker.background else "",
        ),
        (_("사진"), _("볼 수 있음") if worker.vision else ""),
        (_("답변 하나"), labels.duration(worker.answer_s * 1000) if worker.answer_s else ""),
        (_("속도"), _speed(worker.tokens_per_s)),
        (_("맡은 작업"), _running(queue.running.get(worker.id))),
        (_("마지막 신호"), "" if age is None else _("{seconds}초 전", seconds=f"{age:.0f}")),
    )
    return WorkerRow(
        id=worker.id,
        state=_STATES[worker.state].said(),
        facts=tuple(fact for fact in facts if fact[1]),
        detail=worker.detail,
    )


def _silent(known: list[WorkerStatus], queue: QueueState) -> list[WorkerRow]:
    """Workers that hold jobs and send no heartbeat: dead, or cut off from Valkey."""
    heard = {worker.id for worker in known}
    return [
        WorkerRow(
            id=worker, state=_GONE.said(), facts=((_("맡은 작업"), _running(running)),), detail=""
        )
        for worker, running in queue.running.items()
        if worker not in heard
    ]


def _speed(tokens_per_s: float) -> str:
    if not tokens_per_s:
        return ""
    return _("초당 {count}토큰", count=f"{tokens_per_s:,.1f}")


def _running(running: RunningJobs | None) -> str:
    if running is None:
        return ""
    parts = [_("{count}개", count=running.jobs)]
    if running.since is not None:
        parts.append(_("가장 오래된 작업 {time}째", time=_ago(running.since)))
    if running.attempt > 1:
        parts.append(_("{count}번째 시도 포함", count=running.attempt))
    return ", ".join(parts)


def _waiting(
    waiting: Mapping[str, WaitingTurns], messengers: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    return [
        (
            messengers.get(name, name),
            _("{count}건", count=f"{turns.turns:,}"),
            _ago(turns.since),
        )
        for name, turns in sorted(waiting.items())
    ]


def _ago(moment: datetime) -> str:
    return labels.duration(labels.elapsed_ms(moment, datetime.now(UTC)))
